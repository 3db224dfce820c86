// op "moe_ffn", experts Q8_0; see moe_ffn.h.
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_MOE_FFN(sparse_arm, moe_ffn_q8_0_neon, MoeQ8_0, MoeQ8_0, 0.1f);
