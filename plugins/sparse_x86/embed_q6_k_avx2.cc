// op "embed", table q6_k; see embed.h.
#include "plugins/common/kernels/embed.h"
#include "plugins/sparse_x86/blocks_avx2.h"

KL_EMBED(sparse_x86, embed_q6_k_avx2, QuantisedReader<FileRows<TypeQ6_K>>);
