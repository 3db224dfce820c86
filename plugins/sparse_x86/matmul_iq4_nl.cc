// op "matmul", weights IQ4_NL as they are in the file; see matmul_quantised_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/blocks_avx2.h"
#include "plugins/sparse_x86/matmul_quantised_avx2.h"

KL_QUANTISED_MATMUL(matmul_iq4_nl, TypeIQ4_NL);
