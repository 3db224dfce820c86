// op "moe_ffn", experts Q6_K; see moe_ffn.h.
#include "plugins/sparse_x86/moe_formats_avx2.h"

KL_MOE_FFN(sparse_x86, KL_AT_LEVEL(moe_ffn_q6_k), MoeQ6_K, MoeQ6_K, 0.1f);
