// Which built-in operators of TFLite are supported, by their number in the format.
#include "absl/strings/str_cat.h"
#include "loaders/tflite/ops.h"

namespace kinglet {
namespace {

struct Row {
  int32_t code;
  const char* name;
  TfliteTranslation translation;
};

constexpr Row kRows[] = {
    {0, "ADD", TranslateTfliteBinary},
    {1, "AVERAGE_POOL_2D", TranslateTflitePool},
    {2, "CONCATENATION", TranslateTfliteConcatenation},
    {3, "CONV_2D", TranslateTfliteConv},
    {4, "DEPTHWISE_CONV_2D", TranslateTfliteConv},
    {6, "DEQUANTIZE", TranslateTfliteQuantize},
    {9, "FULLY_CONNECTED", TranslateTfliteFullyConnected},
    {14, "LOGISTIC", TranslateTfliteUnary},
    {17, "MAX_POOL_2D", TranslateTflitePool},
    {18, "MUL", TranslateTfliteBinary},
    {19, "RELU", TranslateTfliteUnary},
    {20, "RELU_N1_TO_1", TranslateTfliteUnary},
    {21, "RELU6", TranslateTfliteUnary},
    {22, "RESHAPE", TranslateTfliteReshape},
    {23, "RESIZE_BILINEAR", TranslateTfliteResize},
    {25, "SOFTMAX", TranslateTfliteSoftmax},
    {28, "TANH", TranslateTfliteUnary},
    {34, "PAD", TranslateTflitePad},
    {39, "TRANSPOSE", TranslateTfliteTranspose},
    {40, "MEAN", TranslateTfliteReduce},
    {41, "SUB", TranslateTfliteBinary},
    {42, "DIV", TranslateTfliteBinary},
    {43, "SQUEEZE", TranslateTfliteReshape},
    {47, "EXP", TranslateTfliteUnary},
    {55, "MAXIMUM", TranslateTfliteBinary},
    {57, "MINIMUM", TranslateTfliteBinary},
    {70, "EXPAND_DIMS", TranslateTfliteReshape},
    {74, "SUM", TranslateTfliteReduce},
    {75, "SQRT", TranslateTfliteUnary},
    {82, "REDUCE_MAX", TranslateTfliteReduce},
    {114, "QUANTIZE", TranslateTfliteQuantize},
    {117, "HARD_SWISH", TranslateTfliteUnary},
};

}  // namespace

TfliteTranslation FindTfliteTranslation(int32_t code) {
  for (const Row& row : kRows) {
    if (row.code == code) return row.translation;
  }
  return nullptr;
}

std::string TfliteOperatorName(int32_t code) {
  for (const Row& row : kRows) {
    if (row.code == code) return row.name;
  }
  return code == 32 ? "CUSTOM" : absl::StrCat("(built-in ", code, ")");
}

std::string TfliteTranslationNames() {
  std::string names;
  for (const Row& row : kRows) absl::StrAppend(&names, names.empty() ? "" : ", ", row.name);
  return names;
}

}  // namespace kinglet
