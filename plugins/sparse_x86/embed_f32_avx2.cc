// op "embed", table f32; see embed_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/embed_avx2.h"

KL_EMBED(embed_f32_avx2, "embed_f32_avx2", FloatReader<TypeF32>);
