// op "attention", f32 keys and f16 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, attention_f32_f16_avx2, F32Row, F16Row);
