// op "matmul", weights Q5_1 as they are in the file; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q5_1_dotprod, TypeQ5_1, FileMatmul<TypeQ5_1>);
