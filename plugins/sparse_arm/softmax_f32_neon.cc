// op "softmax"; see softmax.h.
#include "plugins/common/kernels/softmax.h"

KL_SOFTMAX(sparse_arm, softmax_f32_neon);
