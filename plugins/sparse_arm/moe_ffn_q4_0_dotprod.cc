// op "moe_ffn", experts Q4_0; see moe_ffn.h.
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_MOE_FFN(sparse_arm, moe_ffn_q4_0_dotprod, MoeQ4_0, MoeQ4_0, 0.1f);
