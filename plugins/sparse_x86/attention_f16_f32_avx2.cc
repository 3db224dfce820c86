// op "attention", f16 keys and f32 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, attention_f16_f32_avx2, F16Row, F32Row);
