// op "matmul", weights Q4_0, in the K8 layout; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q4_0_neon, TypeQ4_0, K8Matmul<K8Q4_0>);
