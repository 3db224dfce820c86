// op "ffn_segments", rows Q8_0; see ffn_segments.h.
#include "plugins/common/kernels/ffn_segments.h"
#include "plugins/sparse_x86/moe_formats_avx2.h"

KL_FFN_SEGMENTS(sparse_x86, KL_AT_LEVEL(ffn_segments_q8_0), MoeQ8_0, 0.1f);
