// op "matmul", weights Q4_K, in the K8 layout; see matmul_neon.h.
#include "plugins/sparse_arm/matmul_neon.h"

KL_ARM_MATMUL(matmul_q4_k_i8mm, TypeQ4_K, K8Matmul<K8Q4_K>);
