// op "ffn_segments", rows F16; see ffn_segments.h.
#include "plugins/common/kernels/ffn_segments.h"
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_FFN_SEGMENTS(sparse_arm, ffn_segments_f16_neon, MoeFloat<TypeF16>, 1e-4f);
