// op "attention", f16 keys and f32 values; see attention_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/attention_avx2.h"

KL_ATTENTION(attention_f16_f32_avx2, "attention_f16_f32_avx2", F16Row, F32Row);
