// The translations of single operators, and what they share.
#ifndef KINGLET_LOADERS_ONNX_OPS_H_
#define KINGLET_LOADERS_ONNX_OPS_H_

#include "loaders/onnx/translator.h"

namespace kinglet {

#define KL_ONNX_TRANSLATION(Name) \
  absl::Status TranslateOnnx##Name(const OnnxNode& node, OnnxTranslator* translator)

// ops_window.cc
KL_ONNX_TRANSLATION(Conv);
KL_ONNX_TRANSLATION(AveragePool);
KL_ONNX_TRANSLATION(MaxPool);
KL_ONNX_TRANSLATION(Pad);
// ops_matrix.cc
KL_ONNX_TRANSLATION(MatMul);
KL_ONNX_TRANSLATION(Gemm);
// ops_elementwise.cc
KL_ONNX_TRANSLATION(Relu);
KL_ONNX_TRANSLATION(Clip);
KL_ONNX_TRANSLATION(Binary);
KL_ONNX_TRANSLATION(Mod);
KL_ONNX_TRANSLATION(Compare);
KL_ONNX_TRANSLATION(Not);
KL_ONNX_TRANSLATION(Variadic);
KL_ONNX_TRANSLATION(Unary);
KL_ONNX_TRANSLATION(Sign);
KL_ONNX_TRANSLATION(Activation);
KL_ONNX_TRANSLATION(Where);
KL_ONNX_TRANSLATION(Cast);
// ops_norm.cc
KL_ONNX_TRANSLATION(Softmax);
KL_ONNX_TRANSLATION(BatchNormalization);
KL_ONNX_TRANSLATION(LayerNormalization);
KL_ONNX_TRANSLATION(InstanceNormalization);
// ops_shape.cc
KL_ONNX_TRANSLATION(Reshape);
KL_ONNX_TRANSLATION(Flatten);
KL_ONNX_TRANSLATION(Squeeze);
KL_ONNX_TRANSLATION(Unsqueeze);
KL_ONNX_TRANSLATION(Identity);
KL_ONNX_TRANSLATION(Transpose);
// ops_constant.cc
KL_ONNX_TRANSLATION(Constant);
KL_ONNX_TRANSLATION(Shape);
KL_ONNX_TRANSLATION(ConstantOfShape);
KL_ONNX_TRANSLATION(Range);
// ops_data.cc
KL_ONNX_TRANSLATION(Gather);
KL_ONNX_TRANSLATION(Concat);
KL_ONNX_TRANSLATION(Slice);
KL_ONNX_TRANSLATION(Split);
KL_ONNX_TRANSLATION(Expand);
// ops_reduce.cc
KL_ONNX_TRANSLATION(Reduce);
KL_ONNX_TRANSLATION(GlobalPool);
KL_ONNX_TRANSLATION(ArgReduce);
KL_ONNX_TRANSLATION(TopK);
// ops_quantized.cc
KL_ONNX_TRANSLATION(QuantizeLinear);
KL_ONNX_TRANSLATION(DequantizeLinear);
KL_ONNX_TRANSLATION(DynamicQuantizeLinear);
KL_ONNX_TRANSLATION(ConvInteger);
KL_ONNX_TRANSLATION(QLinearConv);
KL_ONNX_TRANSLATION(MatMulInteger);
KL_ONNX_TRANSLATION(QLinearMatMul);
// ops_sequence.cc
KL_ONNX_TRANSLATION(LSTM);
// ops_image.cc
KL_ONNX_TRANSLATION(Resize);
KL_ONNX_TRANSLATION(DepthToSpace);

// Attributes of a convolution of images without clamp, checked against the shapes; y's shape.
absl::StatusOr<std::vector<GraphAttribute>> ReadOnnxConvolution(const OnnxNode& node,
                                                                const OnnxShape& x,
                                                                const OnnxShape& w, OnnxShape* y);

// `axis` of ONNX, negative from the end, as an index in [0, rank); an error when it lies outside.
absl::StatusOr<int64_t> OnnxAxis(const OnnxNode& node, int64_t axis, int64_t rank);

// The same elements as value `id` under another shape: a constant stays one.
absl::Status ReshapeOnnxValue(const OnnxNode& node, OnnxTranslator* translator, int32_t id,
                              OnnxShape shape);

// The value as a vector of f32 constants of `length`; NULL when it is not.
const float* ConstantVector(const OnnxTranslator& translator, int32_t id, int64_t length);

inline int64_t ElementCount(const OnnxShape& shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) count *= dimension;
  return count;
}

}  // namespace kinglet

#endif  // KINGLET_LOADERS_ONNX_OPS_H_
