// op "ffn_segments", rows Q4_0; see ffn_segments.h.
#include "plugins/common/kernels/ffn_segments.h"
#include "plugins/sparse_arm/moe_formats_neon.h"

KL_FFN_SEGMENTS(sparse_arm, ffn_segments_q4_0_neon, MoeQ4_0, 0.1f);
