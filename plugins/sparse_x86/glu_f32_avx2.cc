// op "glu"; see glu.h.
#include "plugins/common/kernels/glu.h"

KL_GLU(sparse_x86, glu_f32_avx2);
