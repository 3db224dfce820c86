// op "matmul", weights Q6_K, in the K8 layout; see matmul_k8_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/matmul_k8_avx2.h"

KL_K8_MATMUL(matmul_q6_k, K8Q6_K);
