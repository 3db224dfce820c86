// f32 operators between DequantizeLinear and QuantizeLinear, as operators of 8-bit codes.
//
//   dequantize_linear -> add, sub, mul            -> quantize_linear    add_quantized, ..
//   dequantize_linear -> global_average_pool      -> quantize_linear    reduce_quantized
//   dequantize_linear -> softmax, last axis       -> quantize_linear    softmax_quantized
//   dequantize_linear -> average_pool2d, max_pool2d, reshape, transpose -> quantize_linear
//                                                 the same of codes, where both scales are one
//                                                 value
//
// Scales and zero points are constants of one element, and nobody else reads what lies between.
// The results are those of the f32 operators but for roundings near the middle between two codes.
// Thread safety: pure function.
#ifndef KINGLET_LOADERS_ONNX_QUANTIZED_FUSION_H_
#define KINGLET_LOADERS_ONNX_QUANTIZED_FUSION_H_

#include "core/model/graph.h"

namespace kinglet {

void FuseQuantized(Graph* graph);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_ONNX_QUANTIZED_FUSION_H_
