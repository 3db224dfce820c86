// op "matmul", weights Q5_1 as they are in the file; see matmul_quantised_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/blocks_avx2.h"
#include "plugins/sparse_x86/matmul_quantised_avx2.h"

KL_QUANTISED_MATMUL(matmul_q5_1, TypeQ5_1);
