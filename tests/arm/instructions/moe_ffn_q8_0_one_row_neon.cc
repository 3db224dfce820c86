// op "moe_ffn", weights Q8_0, one row and one token at a time; see one_row_neon.h.
#include "tests/arm/instructions/one_row_neon.h"

KL_ONE_ROW_MOE(moe_ffn_q8_0_one_row_neon, TypeQ8_0);
