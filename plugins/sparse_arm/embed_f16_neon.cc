// op "embed", table f16; see embed.h.
#include "plugins/common/kernels/embed.h"

KL_EMBED(sparse_arm, embed_f16_neon, FloatReader<TypeF16>);
