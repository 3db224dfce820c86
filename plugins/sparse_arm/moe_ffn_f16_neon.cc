// op "moe_ffn", experts f16; see moe_ffn.h.
#include "plugins/common/kernels/moe_ffn.h"

KL_MOE_FFN(sparse_arm, moe_ffn_f16_neon, MoeFloat<TypeF16>, MoeFloat<TypeF16>, 1e-4f);
