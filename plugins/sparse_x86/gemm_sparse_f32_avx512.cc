// op "gemm"; see gemm_sparse.h.
#include "plugins/sparse_x86/gemm_sparse.h"

KL_GEMM_SPARSE(gemm_sparse_f32_avx512);
