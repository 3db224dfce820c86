// op "matmul", weights f32, sums in f32; see matmul_float_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/matmul_float_avx2.h"

KL_FLOAT_MATMUL(matmul_f32_avx2, "matmul_f32_avx2", TypeF32, 1e-5f);
