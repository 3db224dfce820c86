// op "attention", f32 keys and q8_0 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_arm, attention_f32_q8_0_neon, F32Row, Q8Row);
