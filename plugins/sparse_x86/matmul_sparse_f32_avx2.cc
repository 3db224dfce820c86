// op "matmul"; see matmul_sparse.h.
#include "plugins/sparse_x86/matmul_sparse.h"

KL_MATMUL_SPARSE(matmul_sparse_f32_avx2);
