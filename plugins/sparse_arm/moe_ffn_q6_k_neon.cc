// op "moe_ffn", experts Q6_K; see moe_ffn.h.
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_MOE_FFN(sparse_arm, moe_ffn_q6_k_neon, MoeQ6_K, MoeQ6_K, 0.1f);
