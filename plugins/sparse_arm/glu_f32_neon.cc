// op "glu"; see glu.h.
#include "plugins/common/kernels/glu.h"

KL_GLU(sparse_arm, glu_f32_neon);
