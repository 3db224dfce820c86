// op "embed", table bf16; see embed_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/embed_avx2.h"

KL_EMBED(embed_bf16_avx2, "embed_bf16_avx2", FloatReader<TypeBF16>);
