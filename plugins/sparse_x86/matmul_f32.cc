// op "matmul", weights f32, sums in f32; see matmul_float.h.
#include "plugins/common/kernels/matmul_float.h"

KL_FLOAT_MATMUL(sparse_x86, KL_AT_LEVEL(matmul_f32), TypeF32, 1e-5f);
