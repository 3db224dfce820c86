// op "embed", table q8_0; see embed.h.
#include "plugins/common/kernels/embed.h"
#include "plugins/sparse_x86/blocks_avx2.h"

KL_EMBED(sparse_x86, embed_q8_0_avx2, QuantisedReader<FileRows<TypeQ8_0>>);
