// op "moe_ffn", experts BF16; see moe_ffn_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/moe_ffn_avx2.h"

KL_MOE_FFN(moe_ffn_bf16_avx2, "moe_ffn_bf16_avx2", MoeFloat<TypeBF16>, MoeFloat<TypeBF16>, 1e-4f);
