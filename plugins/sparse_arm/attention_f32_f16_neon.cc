// op "attention", f32 keys and f16 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_arm, attention_f32_f16_neon, F32Row, F16Row);
