// op "rms_norm"; see rms_norm.h.
#include "plugins/common/kernels/rms_norm.h"

KL_RMS_NORM(sparse_x86, rms_norm_f32_avx2);
