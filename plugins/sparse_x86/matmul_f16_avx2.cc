// op "matmul", weights f16, sums in f32; see matmul_float_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/matmul_float_avx2.h"

KL_FLOAT_MATMUL(matmul_f16_avx2, "matmul_f16_avx2", TypeF16, 1e-5f);
