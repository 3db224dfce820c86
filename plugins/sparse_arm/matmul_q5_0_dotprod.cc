// op "matmul", weights Q5_0 as they are in the file; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q5_0_dotprod, TypeQ5_0, FileMatmul<TypeQ5_0>);
