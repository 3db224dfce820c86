// op "conv2d"; see conv2d_direct.h.
#include "plugins/common/kernels/conv2d_direct.h"

KL_CONV2D_DIRECT(sparse_arm, conv2d_direct_f32_neon);
