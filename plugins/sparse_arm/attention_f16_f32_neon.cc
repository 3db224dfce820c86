// op "attention", f16 keys and f32 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_arm, attention_f16_f32_neon, F16Row, F32Row);
