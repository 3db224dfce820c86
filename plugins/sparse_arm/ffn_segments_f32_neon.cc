// op "ffn_segments", rows F32; see ffn_segments.h.
#include "plugins/common/kernels/ffn_segments.h"
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_FFN_SEGMENTS(sparse_arm, ffn_segments_f32_neon, MoeFloat<TypeF32>, 1e-4f);
