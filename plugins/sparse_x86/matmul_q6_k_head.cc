// op "matmul", weights Q6_K, the head of a language model; see matmul_head.h.
#include "plugins/sparse_x86/matmul_head_avx2.h"

KL_HEAD_MATMUL(sparse_x86, KL_AT_LEVEL(matmul_q6_k_head), K8Head<K8Q6_K>);
