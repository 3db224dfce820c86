// op "matmul", weights f16, sums in f32; see matmul_float.h.
#include "plugins/common/kernels/matmul_float.h"

KL_FLOAT_MATMUL(sparse_x86, KL_AT_LEVEL(matmul_f16), TypeF16, 1e-5f);
