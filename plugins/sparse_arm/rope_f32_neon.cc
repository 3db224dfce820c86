// op "rope"; see rope.h.
#include "plugins/common/kernels/rope.h"

KL_ROPE(sparse_arm, rope_f32_neon);
