// op "moe_ffn", experts Q4_K; see moe_ffn.h.
#include "plugins/sparse_x86/moe_formats_avx2.h"

KL_MOE_FFN(sparse_x86, KL_AT_LEVEL(moe_ffn_q4_k), MoeQ4_K, MoeQ4_K, 0.1f);
