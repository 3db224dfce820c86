// op "attention", q8_0 cache; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, attention_q8_0_avx2, Q8Row, Q8Row);
