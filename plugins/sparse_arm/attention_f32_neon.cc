// op "attention", f32 cache; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_arm, attention_f32_neon, F32Row, F32Row);
