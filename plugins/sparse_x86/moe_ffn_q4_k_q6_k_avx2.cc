// op "moe_ffn", gate and up Q4_K, down Q6_K, as mixed K-quant files have them; see moe_ffn_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/moe_ffn_avx2.h"

KL_MOE_FFN(moe_ffn_q4_k_q6_k_avx2, "moe_ffn_q4_k_q6_k_avx2", MoeK8<K8Q4_K>, MoeQuantised<TypeQ6_K>,
           0.1f);
