// op "attention", f32 keys and f16 values; see attention_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/attention_avx2.h"

KL_ATTENTION(attention_f32_f16_avx2, "attention_f32_f16_avx2", F32Row, F16Row);
