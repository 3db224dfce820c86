// op "moe_ffn", gate and up Q4_K, down Q6_K, as mixed K-quant files have them; see moe_ffn.h.
#include "plugins/sparse_x86/moe_formats_avx2.h"

KL_MOE_FFN(sparse_x86, KL_AT_LEVEL(moe_ffn_q4_k_q6_k), MoeQ4_K, MoeQ6_K, 0.1f);
