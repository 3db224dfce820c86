// op "ffn_segments", rows Q8_0; see ffn_segments.h.
#include "plugins/common/kernels/ffn_segments.h"
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_FFN_SEGMENTS(sparse_arm, ffn_segments_q8_0_i8mm, MoeQ8_0, 0.1f);
