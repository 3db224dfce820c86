// op "conv2d_quantized_add": a convolution of i8 codes added to a residual, bit for bit as the
// reference does.
//
// 1x1, depthwise, and windows whose rows fit a buffer of 48 KiB; weights around 0; sums scaled in
// float (ONNX). Operands, arithmetic and work: conv_codes.h. Everything else goes to the kernels
// below.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/conv_codes.h"

KL_CODES_CONV(conv2d_quantized_add, KL_AT_LEVEL(conv2d_quantized_add_i8), kCodesAddOperands);
