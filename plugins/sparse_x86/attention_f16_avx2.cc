// op "attention", f16 cache; see attention_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/attention_avx2.h"

KL_ATTENTION(attention_f16_avx2, "attention_f16_avx2", F16Row, F16Row);
