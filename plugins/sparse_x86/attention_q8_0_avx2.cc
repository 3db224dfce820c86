// op "attention", q8_0 cache; see attention_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/attention_avx2.h"

KL_ATTENTION(attention_q8_0_avx2, "attention_q8_0_avx2", Q8Row, Q8Row);
