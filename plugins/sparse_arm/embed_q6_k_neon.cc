// op "embed", table q6_k; see embed.h.
#include "plugins/common/kernels/embed.h"
#include "plugins/sparse_arm/blocks_neon.h"

KL_EMBED(sparse_arm, embed_q6_k_neon, QuantisedReader<FileRows<TypeQ6_K>>);
