// op "moe_ffn", experts F32; see moe_ffn.h.
#include "plugins/sparse_x86/moe_formats_avx2.h"

KL_MOE_FFN(sparse_x86, KL_AT_LEVEL(moe_ffn_f32), MoeFloat<TypeF32>, MoeFloat<TypeF32>, 1e-4f);
