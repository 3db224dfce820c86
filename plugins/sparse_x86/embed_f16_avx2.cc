// op "embed", table f16; see embed.h.
#include "plugins/common/kernels/embed.h"

KL_EMBED(sparse_x86, embed_f16_avx2, FloatReader<TypeF16>);
