// op "moe_ffn", experts Q4_K; see moe_ffn_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/moe_ffn_avx2.h"

KL_MOE_FFN(moe_ffn_q4_k_avx2, "moe_ffn_q4_k_avx2", MoeK8<K8Q4_K>, MoeK8<K8Q4_K>, 0.1f);
