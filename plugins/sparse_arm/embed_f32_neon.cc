// op "embed", table f32; see embed.h.
#include "plugins/common/kernels/embed.h"

KL_EMBED(sparse_arm, embed_f32_neon, FloatReader<TypeF32>);
