// op "matmul", weights Q8_0, the head of a language model; see matmul_head_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/matmul_head_avx2.h"

KL_HEAD_MATMUL(matmul_q8_0_head, FileHeadRows<TypeQ8_0>);
