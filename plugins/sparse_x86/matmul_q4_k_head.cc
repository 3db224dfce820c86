// op "matmul", weights Q4_K, the head of a language model; see matmul_head_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/matmul_head_avx2.h"

KL_HEAD_MATMUL(matmul_q4_k_head, K8HeadRows<K8Q4_K>);
