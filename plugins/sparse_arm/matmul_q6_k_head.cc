// op "matmul", weights Q6_K, the head of a language model; see matmul_head.h.
#include "plugins/sparse_arm/matmul_head_neon.h"

KL_HEAD_MATMUL(sparse_arm, KL_AT_LEVEL(matmul_q6_k_head), K8Head<K8Q6_K>);
