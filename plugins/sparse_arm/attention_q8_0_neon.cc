// op "attention", q8_0 cache; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_arm, attention_q8_0_neon, Q8Row, Q8Row);
