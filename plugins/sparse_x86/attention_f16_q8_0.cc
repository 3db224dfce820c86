// op "attention", f16 keys and q8_0 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, KL_AT_LEVEL(attention_f16_q8_0), F16Row, Q8Row);
