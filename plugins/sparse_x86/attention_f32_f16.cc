// op "attention", f32 keys and f16 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, KL_AT_LEVEL(attention_f32_f16), F32Row, F16Row);
