// op "matmul", weights Q4_1 as they are in the file; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q4_1_neon, TypeQ4_1, FileMatmul<TypeQ4_1>);
