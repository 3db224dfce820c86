// op "matmul", weights Q6_K, in the K8 layout; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q6_k_neon, TypeQ6_K, K8Matmul<K8Q6_K>);
