// op "matmul", weights Q5_K as they are in the file; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q5_k_dotprod, TypeQ5_K, FileMatmul<TypeQ5_K>);
