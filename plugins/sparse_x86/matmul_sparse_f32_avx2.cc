// op "matmul"; see matmul_sparse.h.
#include "plugins/common/kernels/matmul_sparse.h"

KL_MATMUL_SPARSE(sparse_x86, matmul_sparse_f32_avx2);
