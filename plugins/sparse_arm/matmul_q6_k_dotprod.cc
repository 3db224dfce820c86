// op "matmul", weights Q6_K as they are in the file; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q6_k_dotprod, TypeQ6_K, FileMatmul<TypeQ6_K>);
