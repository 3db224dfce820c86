// op "moe_ffn", experts BF16; see moe_ffn.h.
#include "plugins/sparse_x86/moe_formats_avx2.h"

KL_MOE_FFN(sparse_x86, KL_AT_LEVEL(moe_ffn_bf16), MoeFloat<TypeBF16>, MoeFloat<TypeBF16>, 1e-4f);
