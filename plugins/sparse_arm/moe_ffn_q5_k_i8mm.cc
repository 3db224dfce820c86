// op "moe_ffn", experts Q5_K; see moe_ffn.h.
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_MOE_FFN(sparse_arm, moe_ffn_q5_k_i8mm, MoeQ5_K, MoeQ5_K, 0.1f);
