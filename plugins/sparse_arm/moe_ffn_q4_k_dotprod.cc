// op "moe_ffn", experts Q4_K; see moe_ffn.h.
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_MOE_FFN(sparse_arm, moe_ffn_q4_k_dotprod, MoeQ4_K, MoeQ4_K, 0.1f);
