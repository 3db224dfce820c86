// op "matmul", weights Q8_0, the head of a language model; see matmul_head.h.
#include "plugins/sparse_x86/matmul_head_avx2.h"

KL_HEAD_MATMUL(sparse_x86, KL_AT_LEVEL(matmul_q8_0_head), FileHead<TypeQ8_0>);
