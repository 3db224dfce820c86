// op "embed", table bf16; see embed.h.
#include "plugins/common/kernels/embed.h"

KL_EMBED(sparse_x86, embed_bf16_avx2, FloatReader<TypeBF16>);
