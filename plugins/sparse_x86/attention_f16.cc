// op "attention", f16 cache; see attention.h.
#include "plugins/common/kernels/attention.h"

KL_ATTENTION(sparse_x86, KL_AT_LEVEL(attention_f16), F16Row, F16Row);
