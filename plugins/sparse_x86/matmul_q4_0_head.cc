// op "matmul", weights Q4_0, the head of a language model; see matmul_head.h.
#include "plugins/sparse_x86/matmul_head_avx2.h"

KL_HEAD_MATMUL(sparse_x86, KL_AT_LEVEL(matmul_q4_0_head), K8Head<K8Q4_0>);
