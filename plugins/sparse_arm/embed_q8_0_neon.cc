// op "embed", table q8_0; see embed.h.
#include "plugins/common/kernels/embed.h"
#include "plugins/sparse_arm/blocks_neon.h"

KL_EMBED(sparse_arm, embed_q8_0_neon, QuantisedReader<FileRows<TypeQ8_0>>);
