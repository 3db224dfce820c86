// op "add"; see add.h.
#include "plugins/common/kernels/add.h"

KL_ADD(sparse_arm, add_f32_neon);
