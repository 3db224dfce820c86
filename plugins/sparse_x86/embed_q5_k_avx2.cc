// op "embed", table q5_k; see embed_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/embed_avx2.h"

KL_EMBED(embed_q5_k_avx2, "embed_q5_k_avx2", QuantisedReader<TypeQ5_K>);
