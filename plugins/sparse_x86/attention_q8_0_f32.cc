// op "attention", q8_0 keys and f32 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, KL_AT_LEVEL(attention_q8_0_f32), Q8Row, F32Row);
