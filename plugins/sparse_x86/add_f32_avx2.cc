// op "add"; see add.h.
#include "plugins/common/kernels/add.h"

KL_ADD(sparse_x86, add_f32_avx2);
