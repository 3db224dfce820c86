// op "attention", q8_0 cache; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, KL_AT_LEVEL(attention_q8_0), Q8Row, Q8Row);
