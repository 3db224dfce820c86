// op "conv2d_quantized": a convolution from i8 codes to i8 codes, bit for bit that of the
// reference.
//
// 1x1, depthwise, and windows whose rows fit a buffer of 48 KiB; weights around 0; sums scaled in
// float (ONNX) or fixed point (TFLite). Operands, arithmetic and work: conv_codes.h. Everything else
// goes to the kernels below.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/conv_codes.h"

KL_CODES_CONV(conv2d_quantized, KL_AT_LEVEL(conv2d_quantized_i8), kCodesOperands);
