// op "matmul", weights Q8_0, in the K8 layout; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q8_0_i8mm, TypeQ8_0, K8Matmul<K8Q8_0>);
