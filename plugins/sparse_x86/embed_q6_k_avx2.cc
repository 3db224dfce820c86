// op "embed", table q6_k; see embed_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/embed_avx2.h"

KL_EMBED(embed_q6_k_avx2, "embed_q6_k_avx2", QuantisedReader<TypeQ6_K>);
