// op "matmul", weights f16, sums in f32; see matmul_float.h.
#include "plugins/common/kernels/matmul_float.h"

KL_FLOAT_MATMUL(sparse_arm, matmul_f16_neon, TypeF16, 1e-5f);
