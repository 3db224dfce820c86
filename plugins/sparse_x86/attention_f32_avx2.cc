// op "attention", f32 cache; see attention_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/attention_avx2.h"

KL_ATTENTION(attention_f32_avx2, "attention_f32_avx2", F32Row, F32Row);
