// op "attention", f32 cache; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, attention_f32_avx2, F32Row, F32Row);
