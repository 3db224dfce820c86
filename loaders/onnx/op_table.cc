// Which operators of ONNX are supported. To add one: a row here, a function in the ops_*.cc of its
// kind.
#include "absl/strings/str_join.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

struct Row {
  const char* op_type;
  OnnxTranslation translation;
};

constexpr Row kRows[] = {
    {"Add", TranslateOnnxAdd},
    {"AveragePool", TranslateOnnxAveragePool},
    {"BatchNormalization", TranslateOnnxBatchNormalization},
    {"Cast", TranslateOnnxCast},
    {"Clip", TranslateOnnxClip},
    {"Concat", TranslateOnnxConcat},
    {"Constant", TranslateOnnxConstant},
    {"Conv", TranslateOnnxConv},
    {"Dropout", TranslateOnnxIdentity},
    {"Flatten", TranslateOnnxFlatten},
    {"Gather", TranslateOnnxGather},
    {"Gemm", TranslateOnnxGemm},
    {"GlobalAveragePool", TranslateOnnxGlobalAveragePool},
    {"Identity", TranslateOnnxIdentity},
    {"MatMul", TranslateOnnxMatMul},
    {"MaxPool", TranslateOnnxMaxPool},
    {"Mul", TranslateOnnxMul},
    {"Pad", TranslateOnnxPad},
    {"Relu", TranslateOnnxRelu},
    {"Reshape", TranslateOnnxReshape},
    {"Shape", TranslateOnnxShape},
    {"Softmax", TranslateOnnxSoftmax},
    {"Squeeze", TranslateOnnxSqueeze},
    {"Sub", TranslateOnnxSub},
    {"Transpose", TranslateOnnxTranspose},
    {"Unsqueeze", TranslateOnnxUnsqueeze},
};

}  // namespace

OnnxTranslation FindOnnxTranslation(absl::string_view op_type) {
  for (const Row& row : kRows) {
    if (op_type == row.op_type) return row.translation;
  }
  return nullptr;
}

std::string OnnxTranslationNames() {
  return absl::StrJoin(kRows, ", ",
                       [](std::string* text, const Row& row) { text->append(row.op_type); });
}

}  // namespace kinglet
