// op "attention", f16 cache; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_arm, attention_f16_neon, F16Row, F16Row);
