// op "gemm"; see gemm_sparse.h.
#include "plugins/common/kernels/gemm_sparse.h"

KL_GEMM_SPARSE(sparse_x86, gemm_sparse_f32_avx2);
