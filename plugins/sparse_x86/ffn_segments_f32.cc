// op "ffn_segments", rows F32; see ffn_segments.h.
#include "plugins/common/kernels/ffn_segments.h"
#include "plugins/sparse_x86/moe_formats_avx2.h"

KL_FFN_SEGMENTS(sparse_x86, KL_AT_LEVEL(ffn_segments_f32), MoeFloat<TypeF32>, 1e-4f);
