// op "matmul", weights bf16, sums in f32; see matmul_float.h.
#include "plugins/common/kernels/matmul_float.h"

KL_FLOAT_MATMUL(sparse_x86, matmul_bf16_avx2, TypeBF16, 1e-5f);
