// op "matmul", weights IQ4_NL as they are in the file; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_iq4_nl_dotprod, TypeIQ4_NL, FileMatmul<TypeIQ4_NL>);
