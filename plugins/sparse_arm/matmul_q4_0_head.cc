// op "matmul", weights Q4_0, the head of a language model; see matmul_head.h.
#include "plugins/sparse_arm/matmul_head_neon.h"

KL_HEAD_MATMUL(sparse_arm, KL_AT_LEVEL(matmul_q4_0_head), K8Head<K8Q4_0>);
