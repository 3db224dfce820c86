// op "softmax"; see softmax.h.
#include "plugins/common/kernels/softmax.h"

KL_SOFTMAX(sparse_x86, softmax_f32_avx2);
