// op "embed", table q4_0; see embed.h.
#include "plugins/common/kernels/embed.h"
#include "plugins/sparse_arm/blocks_neon.h"

KL_EMBED(sparse_arm, embed_q4_0_neon, QuantisedReader<FileRows<TypeQ4_0>>);
