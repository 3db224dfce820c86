// op "conv2d"; see conv2d_sparse.h.
#include "plugins/common/kernels/conv2d_sparse.h"

KL_CONV2D_SPARSE(sparse_x86, conv2d_sparse_f32_avx512);
