// op "attention", f16 cache; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, attention_f16_avx2, F16Row, F16Row);
