// op "rope"; see rope.h.
#include "plugins/common/kernels/rope.h"

KL_ROPE(sparse_x86, rope_f32_avx2);
