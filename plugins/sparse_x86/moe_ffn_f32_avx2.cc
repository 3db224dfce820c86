// op "moe_ffn", experts F32; see moe_ffn_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/moe_ffn_avx2.h"

KL_MOE_FFN(moe_ffn_f32_avx2, "moe_ffn_f32_avx2", MoeFloat<TypeF32>, MoeFloat<TypeF32>, 1e-4f);
