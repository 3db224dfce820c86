// Elementwise operators, SOFTMAX, QUANTIZE, DEQUANTIZE. ADD, SUB, MUL and SOFTMAX of codes have
// operators of their own, in TFLite's arithmetic; other quantised ones run as f32 between a
// dequantisation and a quantisation.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/tflite/ops.h"

namespace kinglet {
namespace {

using Shape64 = std::vector<int64_t>;

// Image order where an operand of rank 4 already has it, and the others can follow.
TfliteOrder OrderOf(const TfliteTranslator& translator, const std::vector<int32_t>& tensors) {
  bool image = false;
  for (const int32_t index : tensors) {
    const TfliteTensor& tensor = translator.tensor(index);
    image = image || (tensor.shape.size() == 4 && translator.HasImageOrder(index));
    if (tensor.shape.size() != 4 && tensor.shape.size() > 1) return TfliteOrder::kFile;
  }
  return image ? TfliteOrder::kImage : TfliteOrder::kFile;
}

// An operand as codes or as f32; of rank 0 or 1, it lies along the channels in image order.
absl::StatusOr<int32_t> Operand(const TfliteOperator& op, TfliteTranslator* translator,
                                int32_t index, TfliteOrder order, bool codes) {
  const TfliteTensor& tensor = translator->tensor(index);
  const bool channels = order == TfliteOrder::kImage && tensor.shape.size() == 1;
  const TfliteOrder own = tensor.shape.size() == 4 ? order : TfliteOrder::kFile;
  KL_ASSIGN_OR_RETURN(const int32_t value,
                      codes ? translator->Value(index, own) : translator->FloatValue(index, own));
  if (!channels) return value;
  return translator->Emit("reshape", op.name, {}, {value},
                          codes ? tensor.type : kl_dtype{KL_TYPE_F32}, {tensor.shape[0], 1, 1});
}

tflite::Activation ActivationOf(const TfliteOperator& op) {
  const tflite::ArithmeticOptions* options = nullptr;
  if (op.proto->options_type() == tflite::Options_Add) options = op.proto->options_as_Add();
  if (op.proto->options_type() == tflite::Options_Mul) options = op.proto->options_as_Mul();
  if (op.proto->options_type() == tflite::Options_Sub) options = op.proto->options_as_Sub();
  if (op.proto->options_type() == tflite::Options_Div) options = op.proto->options_as_Div();
  return options == nullptr ? tflite::Activation_NONE : options->activation();
}

absl::Status OneOutput(const TfliteOperator& op, const TfliteTranslator& translator) {
  if (op.outputs.size() == 1) return absl::OkStatus();
  return translator.Broken(op, "one output", absl::StrCat(op.outputs.size()));
}

}  // namespace

KL_TFLITE_TRANSLATION(Binary) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  const char* name = op.code == 0    ? "add"
                     : op.code == 18 ? "mul"
                     : op.code == 41 ? "sub"
                     : op.code == 42 ? "div"
                     : op.code == 55 ? "max"
                                     : "min";
  KL_ASSIGN_OR_RETURN(const int32_t a, translator->Input(op, 0));
  KL_ASSIGN_OR_RETURN(const int32_t b, translator->Input(op, 1));
  TfliteOrder order = OrderOf(*translator, {a, b});
  if (translator->tensor(op.outputs[0]).shape.size() != 4) order = TfliteOrder::kFile;
  const int32_t to = op.outputs[0];
  const tflite::Activation activation = ActivationOf(op);
  const bool clamps =
      activation != tflite::Activation_TANH && activation != tflite::Activation_SIGN_BIT;
  const bool sums = op.code == 0 || op.code == 18 || op.code == 41;  // ADD, MUL, SUB
  const bool extremes = op.code == 55 || op.code == 57;
  const bool scaled =
      sums && clamps && translator->IsCodes(a) && translator->IsCodes(b) && translator->IsCodes(to);
  const bool alike = extremes && translator->SameCodes(a, to) && translator->SameCodes(b, to);
  KL_ASSIGN_OR_RETURN(const int32_t x, Operand(op, translator, a, order, scaled || alike));
  KL_ASSIGN_OR_RETURN(const int32_t y, Operand(op, translator, b, order, scaled || alike));
  const kl_dtype type = translator->tensor(to).type;
  const Shape64 shape = translator->Shape(to, order);
  if (scaled) {
    const auto [x_scale, x_zero] = translator->Quantisation(a);
    const auto [y_scale, y_zero] = translator->Quantisation(b);
    const auto [z_scale, z_zero] = translator->Quantisation(to);
    std::vector<GraphAttribute> attributes = {{"fixed_point", int64_t{1}}};
    AppendTfliteClamp(translator->tensor(to), activation, &attributes);
    return translator->Define(
        op, to, order,
        translator->Emit(absl::StrCat(name, "_quantized"), op.name, std::move(attributes),
                         {x, x_scale, x_zero, y, y_scale, y_zero, z_scale, z_zero}, type, shape));
  }
  if (alike)
    return translator->Define(op, to, order,
                              translator->Emit(name, op.name, {}, {x, y}, type, shape));
  const int32_t z = translator->Emit(name, op.name, {}, {x, y}, KL_TYPE_F32, shape);
  return translator->DefineFloat(op, to, order, z, activation);
}

KL_TFLITE_TRANSLATION(Unary) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  KL_ASSIGN_OR_RETURN(const int32_t a, translator->Input(op, 0));
  const TfliteOrder order = OrderOf(*translator, {a});
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatValue(a, order));
  const tflite::Activation clamp = op.code == 19   ? tflite::Activation_RELU
                                   : op.code == 20 ? tflite::Activation_RELU_N1_TO_1
                                   : op.code == 21 ? tflite::Activation_RELU6
                                   : op.code == 28 ? tflite::Activation_TANH
                                                   : tflite::Activation_NONE;
  if (clamp != tflite::Activation_NONE)
    return translator->DefineFloat(op, op.outputs[0], order, x, clamp);
  const char* name = op.code == 14   ? "sigmoid"
                     : op.code == 47 ? "exp"
                     : op.code == 75 ? "sqrt"
                                     : "hard_swish";
  return translator->DefineFloat(
      op, op.outputs[0], order,
      translator->Emit(name, op.name, {}, {x}, KL_TYPE_F32, translator->Shape(a, order)));
}

KL_TFLITE_TRANSLATION(Softmax) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  KL_ASSIGN_OR_RETURN(const int32_t a, translator->Input(op, 0));
  const auto* options = op.proto->options_as_SoftmaxOptions();
  const Shape64 shape = translator->tensor(a).shape;
  if (shape.empty()) return translator->Broken(op, "an axis", "a scalar");
  if (translator->IsCodes(a) && translator->IsCodes(op.outputs[0])) {
    const double beta = options == nullptr ? 1.0 : static_cast<double>(options->beta());
    if (!(beta > 0.0)) return translator->Broken(op, "a beta above 0", absl::StrCat(beta));
    KL_ASSIGN_OR_RETURN(const int32_t codes, translator->Value(a, TfliteOrder::kFile));
    const auto [y_scale, y_zero] = translator->Quantisation(op.outputs[0]);
    return translator->Define(
        op, op.outputs[0], TfliteOrder::kFile,
        translator->Emit("softmax_quantized", op.name,
                         {{"beta", beta}, {"fixed_point", int64_t{1}}},
                         {codes, translator->Quantisation(a).first, y_scale, y_zero},
                         translator->tensor(op.outputs[0]).type, shape));
  }
  KL_ASSIGN_OR_RETURN(int32_t x, translator->FloatValue(a, TfliteOrder::kFile));
  if (options != nullptr && options->beta() != 1.0f) {
    const int32_t beta = translator->FloatConstant(op.name, {options->beta()}, {});
    x = translator->Emit("mul", op.name, {}, {x, beta}, KL_TYPE_F32, shape);
  }
  const int32_t y =
      translator->Emit("softmax", op.name, {{"axis", int64_t{-1}}}, {x}, KL_TYPE_F32, shape);
  return translator->DefineFloat(op, op.outputs[0], TfliteOrder::kFile, y);
}

KL_TFLITE_TRANSLATION(Quantize) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  KL_ASSIGN_OR_RETURN(const int32_t a, translator->Input(op, 0));
  const TfliteOrder order = OrderOf(*translator, {a});
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatValue(a, order));
  return translator->DefineFloat(op, op.outputs[0], order, x);
}

}  // namespace kinglet
