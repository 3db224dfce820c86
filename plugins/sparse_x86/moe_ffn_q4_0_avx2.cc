// op "moe_ffn", experts Q4_0; see moe_ffn_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/moe_ffn_avx2.h"

KL_MOE_FFN(moe_ffn_q4_0_avx2, "moe_ffn_q4_0_avx2", MoeQ4_0, MoeQ4_0, 0.1f);
