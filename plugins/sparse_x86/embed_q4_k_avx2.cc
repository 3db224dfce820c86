// op "embed", table q4_k; see embed.h.
#include "plugins/common/kernels/embed.h"
#include "plugins/sparse_x86/blocks_avx2.h"

KL_EMBED(sparse_x86, embed_q4_k_avx2, QuantisedReader<FileRows<TypeQ4_K>>);
