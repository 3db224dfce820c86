// op "embed", table bf16; see embed.h.
#include "plugins/common/kernels/embed.h"

KL_EMBED(sparse_arm, embed_bf16_neon, FloatReader<TypeBF16>);
