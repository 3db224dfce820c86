// op "matmul", weights f32, sums in f32; see matmul_float.h.
#include "plugins/common/kernels/matmul_float.h"

KL_FLOAT_MATMUL(sparse_x86, matmul_f32_avx2, TypeF32, 1e-5f);
