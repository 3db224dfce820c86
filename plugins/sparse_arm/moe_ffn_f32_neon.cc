// op "moe_ffn", experts f32; see moe_ffn.h.
#include "plugins/common/kernels/moe_ffn.h"

KL_MOE_FFN(sparse_arm, moe_ffn_f32_neon, MoeFloat<TypeF32>, MoeFloat<TypeF32>, 1e-4f);
