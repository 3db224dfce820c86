// op "matmul", weights bf16, sums in f32; see matmul_float_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/matmul_float_avx2.h"

KL_FLOAT_MATMUL(matmul_bf16_avx2, "matmul_bf16_avx2", TypeBF16, 1e-5f);
