// op "attention", f16 keys and q8_0 values; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, attention_f16_q8_0_avx2, F16Row, Q8Row);
