// op "embed", table q8_0; see embed_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/embed_avx2.h"

KL_EMBED(embed_q8_0_avx2, "embed_q8_0_avx2", QuantisedReader<TypeQ8_0>);
