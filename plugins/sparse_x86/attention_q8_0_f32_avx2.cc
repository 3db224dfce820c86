// op "attention", q8_0 keys and f32 values; see attention_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/attention_avx2.h"

KL_ATTENTION(attention_q8_0_f32_avx2, "attention_q8_0_f32_avx2", Q8Row, F32Row);
