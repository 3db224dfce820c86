// op "attention", f32 keys and q8_0 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, KL_AT_LEVEL(attention_f32_q8_0), F32Row, Q8Row);
