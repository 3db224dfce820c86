// op "embed", table f32; see embed.h.
#include "plugins/common/kernels/embed.h"

KL_EMBED(sparse_x86, embed_f32_avx2, FloatReader<TypeF32>);
