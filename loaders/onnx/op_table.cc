// Which operators of ONNX are supported. To add one: a row here, a function in the ops_*.cc of its
// kind.
#include "absl/strings/str_join.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

constexpr int kAnyNumber = 1 << 30;

constexpr OnnxOperator kRows[] = {
    {"Abs", TranslateOnnxSign, 1},
    {"Add", TranslateOnnxBinary, 1},
    {"And", TranslateOnnxCompare, 1},
    {"ArgMax", TranslateOnnxArgReduce, 1},
    {"ArgMin", TranslateOnnxArgReduce, 1},
    {"AveragePool", TranslateOnnxAveragePool, 1},
    {"BatchNormalization", TranslateOnnxBatchNormalization, 1},
    {"Cast", TranslateOnnxCast, 1},
    {"CastLike", TranslateOnnxCast, 1},
    {"Ceil", TranslateOnnxUnary, 1},
    {"Celu", TranslateOnnxActivation, 1},
    {"Clip", TranslateOnnxClip, 1},
    {"Concat", TranslateOnnxConcat, 1},
    {"Constant", TranslateOnnxConstant, 1},
    {"ConstantOfShape", TranslateOnnxConstantOfShape, 1},
    {"Conv", TranslateOnnxConv, 1},
    {"ConvInteger", TranslateOnnxConvInteger, 1},
    {"Cos", TranslateOnnxUnary, 1},
    {"DepthToSpace", TranslateOnnxDepthToSpace, 1},
    {"DequantizeLinear", TranslateOnnxDequantizeLinear, 1},
    {"Div", TranslateOnnxBinary, 1},
    {"Dropout", TranslateOnnxIdentity, 1},
    {"DynamicQuantizeLinear", TranslateOnnxDynamicQuantizeLinear, 3},
    {"Elu", TranslateOnnxActivation, 1},
    {"Equal", TranslateOnnxCompare, 1},
    {"Erf", TranslateOnnxUnary, 1},
    {"Exp", TranslateOnnxUnary, 1},
    {"Expand", TranslateOnnxExpand, 1},
    {"Flatten", TranslateOnnxFlatten, 1},
    {"Floor", TranslateOnnxUnary, 1},
    {"Gather", TranslateOnnxGather, 1},
    {"Gelu", TranslateOnnxActivation, 1},
    {"Gemm", TranslateOnnxGemm, 1},
    {"GlobalAveragePool", TranslateOnnxGlobalPool, 1},
    {"GlobalMaxPool", TranslateOnnxGlobalPool, 1},
    {"Greater", TranslateOnnxCompare, 1},
    {"GreaterOrEqual", TranslateOnnxCompare, 1},
    {"HardSigmoid", TranslateOnnxActivation, 1},
    {"HardSwish", TranslateOnnxUnary, 1},
    {"Identity", TranslateOnnxIdentity, 1},
    {"InstanceNormalization", TranslateOnnxInstanceNormalization, 1},
    {"LSTM", TranslateOnnxLSTM, 3},
    {"LayerNormalization", TranslateOnnxLayerNormalization, 3},
    {"LeakyRelu", TranslateOnnxActivation, 1},
    {"Less", TranslateOnnxCompare, 1},
    {"LessOrEqual", TranslateOnnxCompare, 1},
    {"Log", TranslateOnnxUnary, 1},
    {"LogSoftmax", TranslateOnnxSoftmax, 1},
    {"MatMul", TranslateOnnxMatMul, 1},
    {"MatMulInteger", TranslateOnnxMatMulInteger, 1},
    {"Max", TranslateOnnxVariadic, 1},
    {"MaxPool", TranslateOnnxMaxPool, 1},
    {"Mean", TranslateOnnxVariadic, 1},
    {"Min", TranslateOnnxVariadic, 1},
    {"Mish", TranslateOnnxActivation, 1},
    {"Mod", TranslateOnnxMod, 1},
    {"Mul", TranslateOnnxBinary, 1},
    {"Neg", TranslateOnnxSign, 1},
    {"Not", TranslateOnnxNot, 1},
    {"Or", TranslateOnnxCompare, 1},
    {"PRelu", TranslateOnnxBinary, 1},
    {"Pad", TranslateOnnxPad, 1},
    {"Pow", TranslateOnnxBinary, 1},
    {"QLinearConv", TranslateOnnxQLinearConv, 1},
    {"QLinearMatMul", TranslateOnnxQLinearMatMul, 1},
    {"QuantizeLinear", TranslateOnnxQuantizeLinear, 1},
    {"Range", TranslateOnnxRange, 1},
    {"Reciprocal", TranslateOnnxUnary, 1},
    {"ReduceL1", TranslateOnnxReduce, 1},
    {"ReduceL2", TranslateOnnxReduce, 1},
    {"ReduceLogSum", TranslateOnnxReduce, 1},
    {"ReduceLogSumExp", TranslateOnnxReduce, 1},
    {"ReduceMax", TranslateOnnxReduce, 1},
    {"ReduceMean", TranslateOnnxReduce, 1},
    {"ReduceMin", TranslateOnnxReduce, 1},
    {"ReduceProd", TranslateOnnxReduce, 1},
    {"ReduceSum", TranslateOnnxReduce, 1},
    {"ReduceSumSquare", TranslateOnnxReduce, 1},
    {"Relu", TranslateOnnxRelu, 1},
    {"Reshape", TranslateOnnxReshape, 1},
    {"Resize", TranslateOnnxResize, 1},
    {"Round", TranslateOnnxUnary, 1},
    {"Selu", TranslateOnnxActivation, 1},
    {"Shape", TranslateOnnxShape, 1},
    {"Sigmoid", TranslateOnnxUnary, 1},
    {"Sign", TranslateOnnxSign, 1},
    {"Sin", TranslateOnnxUnary, 1},
    {"Size", TranslateOnnxShape, 1},
    {"Slice", TranslateOnnxSlice, 1},
    {"Softmax", TranslateOnnxSoftmax, 1},
    {"Softplus", TranslateOnnxUnary, 1},
    {"Softsign", TranslateOnnxUnary, 1},
    {"SpaceToDepth", TranslateOnnxDepthToSpace, 1},
    {"Split", TranslateOnnxSplit, kAnyNumber},
    {"Sqrt", TranslateOnnxUnary, 1},
    {"Squeeze", TranslateOnnxSqueeze, 1},
    {"Sub", TranslateOnnxBinary, 1},
    {"Sum", TranslateOnnxVariadic, 1},
    {"Tanh", TranslateOnnxUnary, 1},
    {"Tile", TranslateOnnxExpand, 1},
    {"TopK", TranslateOnnxTopK, 2},
    {"Transpose", TranslateOnnxTranspose, 1},
    {"Unsqueeze", TranslateOnnxUnsqueeze, 1},
    {"Upsample", TranslateOnnxResize, 1},
    {"Where", TranslateOnnxWhere, 1},
    {"Xor", TranslateOnnxCompare, 1},
};

}  // namespace

const OnnxOperator* FindOnnxOperator(absl::string_view op_type) {
  for (const OnnxOperator& row : kRows) {
    if (op_type == row.op_type) return &row;
  }
  return nullptr;
}

std::string OnnxOperatorNames() {
  return absl::StrJoin(
      kRows, ", ", [](std::string* text, const OnnxOperator& row) { text->append(row.op_type); });
}

}  // namespace kinglet
