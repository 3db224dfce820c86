// op "ffn_segments", rows F16; see ffn_segments.h.
#include "plugins/common/kernels/ffn_segments.h"
#include "plugins/sparse_x86/moe_formats_avx2.h"

KL_FFN_SEGMENTS(sparse_x86, KL_AT_LEVEL(ffn_segments_f16), MoeFloat<TypeF16>, 1e-4f);
