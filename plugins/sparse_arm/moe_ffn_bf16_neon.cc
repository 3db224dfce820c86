// op "moe_ffn", experts bf16; see moe_ffn.h.
#include "plugins/common/kernels/moe_ffn.h"

KL_MOE_FFN(sparse_arm, moe_ffn_bf16_neon, MoeFloat<TypeBF16>, MoeFloat<TypeBF16>, 1e-4f);
