// op "conv2d"; see conv2d_pointwise.h.
#include "plugins/common/kernels/conv2d_pointwise.h"

KL_CONV2D_POINTWISE(sparse_arm, conv2d_pointwise_f32_neon);
