// op "conv2d"; see conv2d_depthwise.h.
#include "plugins/common/kernels/conv2d_depthwise.h"

KL_CONV2D_DEPTHWISE(sparse_x86, conv2d_depthwise_f32_avx512);
