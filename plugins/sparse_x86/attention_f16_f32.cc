// op "attention", f16 keys and f32 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, KL_AT_LEVEL(attention_f16_f32), F16Row, F32Row);
