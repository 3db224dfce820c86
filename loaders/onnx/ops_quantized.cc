// 8-bit operators: QuantizeLinear and its inverse, QLinear.., ..Integer.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

bool IsByte(kl_dtype type) { return type == KL_TYPE_I8 || type == KL_TYPE_U8; }

absl::StatusOr<int32_t> ByteInput(const OnnxNode& node, OnnxTranslator* translator, int index) {
  KL_ASSIGN_OR_RETURN(const int32_t id, translator->Input(node, index));
  if (IsByte(translator->value(id).type)) return id;
  return node.Broken(absl::StrCat("i8 or u8 as input ", index),
                     kl_dtype_info_of(translator->value(id).type).name);
}

// A scale or zero point: an input of one element or of `count`, of `type`.
absl::StatusOr<int32_t> Parameter(const OnnxNode& node, OnnxTranslator* translator, int index,
                                  kl_dtype type, int64_t count) {
  KL_ASSIGN_OR_RETURN(const int32_t id, type == KL_TYPE_F32 ? translator->FloatInput(node, index)
                                                            : translator->Input(node, index));
  const OnnxValue& value = translator->value(id);
  const int64_t found = ElementCount(value.shape);
  if (value.type != type)
    return node.Broken(absl::StrCat(kl_dtype_info_of(type).name, " as input ", index),
                       kl_dtype_info_of(value.type).name);
  if (found != 1 && found != count)
    return node.Broken(absl::StrCat("1 or ", count, " elements as input ", index),
                       absl::StrCat(found));
  return id;
}

// Of the axis, when scales are more than one.
absl::StatusOr<int64_t> AxisOf(const OnnxNode& node, const OnnxTranslator& translator, int32_t x,
                               int32_t scale) {
  KL_ASSIGN_OR_RETURN(const int64_t block, node.Int("block_size", 0));
  const size_t scale_rank = translator.value(scale).shape.size();
  if (block != 0 || scale_rank > 1) return node.Unsupported("scales of blocks");
  const OnnxShape& shape = translator.value(x).shape;
  KL_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 1));
  if (ElementCount(translator.value(scale).shape) == 1) return 0;
  KL_ASSIGN_OR_RETURN(const int64_t d, OnnxAxis(node, axis, static_cast<int64_t>(shape.size())));
  if (ElementCount(translator.value(scale).shape) != shape[static_cast<size_t>(d)])
    return node.Broken("a scale for each index of the axis", "another number");
  return d;
}

absl::StatusOr<int64_t> LengthAt(const OnnxNode& node, const OnnxShape& shape, size_t from_end) {
  if (shape.size() >= from_end) return shape[shape.size() - from_end];
  return node.Broken("matrices", absl::StrCat(shape.size(), " dimensions"));
}

absl::StatusOr<OnnxShape> ProductShape(const OnnxNode& node, const OnnxShape& a,
                                       const OnnxShape& b) {
  if (a.size() < 2 || b.size() < 2) return node.Unsupported("vectors");
  OnnxShape a_stack(a.begin(), a.end() - 2), b_stack(b.begin(), b.end() - 2);
  auto shape = BroadcastShape(a_stack, b_stack);
  if (!shape.has_value() || a.back() != b[b.size() - 2])
    return node.Broken("matrices whose dimensions agree", "others");
  shape->push_back(a[a.size() - 2]);
  shape->push_back(b.back());
  return *shape;
}

}  // namespace

KL_ONNX_TRANSLATION(QuantizeLinear) {
  KL_ASSIGN_OR_RETURN(int32_t x, translator->Input(node, 0));
  if (translator->value(x).type == KL_TYPE_I32) {
    KL_ASSIGN_OR_RETURN(x,
                        translator->EmitInner(node, "cast", {}, {x}, translator->value(x).shape));
  } else {
    KL_ASSIGN_OR_RETURN(x, translator->FloatInput(node, 0));
  }
  KL_ASSIGN_OR_RETURN(const int32_t scale, translator->FloatInput(node, 1));
  KL_ASSIGN_OR_RETURN(const int64_t axis, AxisOf(node, *translator, x, scale));
  KL_ASSIGN_OR_RETURN(const int32_t zero, translator->OptionalInput(node, 2));
  kl_dtype type = zero == kNoOnnxValue ? kl_dtype{KL_TYPE_U8} : translator->value(zero).type;
  KL_ASSIGN_OR_RETURN(const int64_t wanted, node.Int("output_dtype", 0));
  if (wanted != 0 && zero == kNoOnnxValue) {
    type = wanted > 0 && wanted < 1000 ? DtypeOfOnnx(static_cast<int>(wanted)) : KL_TYPE_NONE;
  }
  if (!IsByte(type)) return node.Unsupported("codes other than i8 and u8");
  return translator->Emit(node, "quantize_linear", {{"axis", axis}}, {x, scale, zero}, type,
                          translator->value(x).shape);
}

KL_ONNX_TRANSLATION(DequantizeLinear) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  KL_ASSIGN_OR_RETURN(const int32_t scale, translator->FloatInput(node, 1));
  KL_ASSIGN_OR_RETURN(const int64_t axis, AxisOf(node, *translator, x, scale));
  KL_ASSIGN_OR_RETURN(const int32_t zero, translator->OptionalInput(node, 2));
  const OnnxValue& from = translator->value(x);
  if (!IsByte(from.type) && from.type != KL_TYPE_I16 && from.type != KL_TYPE_I32)
    return node.Broken("i8, u8, i16 or i32", kl_dtype_info_of(from.type).name);
  const OnnxConstant* scales = translator->value(scale).constant.get();
  const OnnxConstant* zeros =
      zero == kNoOnnxValue ? nullptr : translator->value(zero).constant.get();
  if (zero != kNoOnnxValue &&
      (translator->value(zero).type != from.type ||
       ElementCount(translator->value(zero).shape) != ElementCount(translator->value(scale).shape)))
    return node.Broken("a zero point of the input's type beside each scale", "others");
  if (from.constant != nullptr && scales != nullptr && (zero == kNoOnnxValue || zeros != nullptr)) {
    // Weights: floats from here on, so that a layer can pack them.
    std::vector<double> values = Reals(*from.constant);
    const std::vector<double> factors = Reals(*scales);
    const std::vector<double> offsets = zeros == nullptr ? std::vector<double>{} : Reals(*zeros);
    size_t inner = 1;
    for (size_t d = static_cast<size_t>(axis) + 1; d < from.shape.size(); ++d)
      inner *= static_cast<size_t>(from.shape[d]);
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t channel = factors.size() == 1 ? 0 : i / inner % factors.size();
      values[i] = (values[i] - (offsets.empty() ? 0.0 : offsets[channel])) * factors[channel];
    }
    return translator->SetConstant(node, RealConstant(KL_TYPE_F32, from.shape, values));
  }
  return translator->Emit(node, "dequantize_linear", {{"axis", axis}}, {x, scale, zero},
                          KL_TYPE_F32, from.shape);
}

// y = x as u8 codes, with a scale and zero point that cover 0 and all of x.
KL_ONNX_TRANSLATION(DynamicQuantizeLinear) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const OnnxShape shape = translator->value(x).shape;
  const OnnxShape ones(shape.size(), 1);
  OnnxShape axes;
  for (size_t d = 0; d < shape.size(); ++d) axes.push_back(static_cast<int64_t>(d));
  const auto number = [&](double v) {
    return translator->AddConstant(absl::StrCat(node.name(), "/", v),
                                   RealConstant(KL_TYPE_F32, {}, {v}));
  };
  const auto emit = [&](const char* op, std::vector<int32_t> operands) {
    return translator->EmitInner(node, op, {}, std::move(operands), {});
  };
  int32_t ends[2];
  for (int i = 0; i < 2; ++i) {
    const std::string kind = i == 0 ? "min" : "max";
    KL_ASSIGN_OR_RETURN(
        const int32_t all,
        translator->EmitInner(node, "reduce", {{"kind", kind}, {"axes", axes}}, {x}, ones));
    KL_ASSIGN_OR_RETURN(const int32_t scalar, emit("reshape", {all}));
    KL_ASSIGN_OR_RETURN(ends[i], emit(kind.c_str(), {scalar, number(0.0)}));
  }
  KL_ASSIGN_OR_RETURN(const int32_t span, emit("sub", {ends[1], ends[0]}));
  KL_ASSIGN_OR_RETURN(const int32_t scale, emit("div", {span, number(255.0)}));
  KL_ASSIGN_OR_RETURN(const int32_t steps, emit("div", {ends[0], scale}));
  KL_ASSIGN_OR_RETURN(const int32_t negative, emit("mul", {steps, number(-1.0)}));
  KL_ASSIGN_OR_RETURN(const int32_t rounded, emit("round", {negative}));
  KL_ASSIGN_OR_RETURN(const int32_t zero,
                      translator->EmitInner(node, "cast", {}, {rounded}, {}, KL_TYPE_U8));
  KL_RETURN_IF_ERROR(translator->EmitOutput(node, 0, "quantize_linear", {{"axis", int64_t{0}}},
                                            {x, scale, zero}, KL_TYPE_U8, shape));
  KL_RETURN_IF_ERROR(translator->EmitOutput(node, 1, "reshape", {}, {scale}, KL_TYPE_F32, {}));
  return translator->EmitOutput(node, 2, "reshape", {}, {zero}, KL_TYPE_U8, {});
}

KL_ONNX_TRANSLATION(ConvInteger) {
  KL_ASSIGN_OR_RETURN(const int32_t x, ByteInput(node, translator, 0));
  KL_ASSIGN_OR_RETURN(const int32_t w, ByteInput(node, translator, 1));
  OnnxShape shape;
  KL_ASSIGN_OR_RETURN(
      std::vector<GraphAttribute> attributes,
      ReadOnnxConvolution(node, translator->value(x).shape, translator->value(w).shape, &shape));
  const OnnxShape w_shape = translator->value(w).shape;
  int32_t zeros[2] = {kNoOnnxValue, kNoOnnxValue};
  for (int i = 0; i < 2; ++i) {
    if (!node.HasInput(2 + i)) continue;
    KL_ASSIGN_OR_RETURN(zeros[i],
                        Parameter(node, translator, 2 + i, translator->value(i == 0 ? x : w).type,
                                  i == 0 ? 1 : w_shape[0]));
  }
  return translator->Emit(node, "conv2d_integer", std::move(attributes), {x, w, zeros[0], zeros[1]},
                          KL_TYPE_I32, shape);
}

KL_ONNX_TRANSLATION(QLinearConv) {
  KL_ASSIGN_OR_RETURN(const int32_t x, ByteInput(node, translator, 0));
  KL_ASSIGN_OR_RETURN(const int32_t w, ByteInput(node, translator, 3));
  KL_ASSIGN_OR_RETURN(const int32_t y_zero, ByteInput(node, translator, 7));
  OnnxShape shape;
  KL_ASSIGN_OR_RETURN(
      std::vector<GraphAttribute> attributes,
      ReadOnnxConvolution(node, translator->value(x).shape, translator->value(w).shape, &shape));
  const kl_dtype x_type = translator->value(x).type, w_type = translator->value(w).type;
  const kl_dtype y_type = translator->value(y_zero).type;
  const int64_t outputs = shape[1];
  KL_ASSIGN_OR_RETURN(const int32_t x_scale, Parameter(node, translator, 1, KL_TYPE_F32, 1));
  KL_ASSIGN_OR_RETURN(const int32_t x_zero, Parameter(node, translator, 2, x_type, 1));
  KL_ASSIGN_OR_RETURN(const int32_t w_scale, Parameter(node, translator, 4, KL_TYPE_F32, outputs));
  KL_ASSIGN_OR_RETURN(const int32_t w_zero, Parameter(node, translator, 5, w_type, outputs));
  KL_ASSIGN_OR_RETURN(const int32_t y_scale, Parameter(node, translator, 6, KL_TYPE_F32, 1));
  int32_t bias = kNoOnnxValue;
  if (node.HasInput(8)) {
    KL_ASSIGN_OR_RETURN(bias, translator->Input(node, 8));
    if (translator->value(bias).type != KL_TYPE_I32 ||
        translator->value(bias).shape != OnnxShape{outputs})
      return node.Broken(absl::StrCat("a bias of ", outputs, " i32"), "another");
  }
  return translator->Emit(node, "conv2d_quantized", std::move(attributes),
                          {x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias}, y_type,
                          shape);
}

KL_ONNX_TRANSLATION(MatMulInteger) {
  KL_ASSIGN_OR_RETURN(const int32_t a, ByteInput(node, translator, 0));
  KL_ASSIGN_OR_RETURN(const int32_t b, ByteInput(node, translator, 1));
  const OnnxShape a_shape = translator->value(a).shape, b_shape = translator->value(b).shape;
  KL_ASSIGN_OR_RETURN(const OnnxShape shape, ProductShape(node, a_shape, b_shape));
  int32_t zeros[2] = {kNoOnnxValue, kNoOnnxValue};
  for (int i = 0; i < 2; ++i) {
    if (!node.HasInput(2 + i)) continue;
    KL_ASSIGN_OR_RETURN(const int64_t count,
                        LengthAt(node, i == 0 ? a_shape : b_shape, i == 0 ? 2 : 1));
    KL_ASSIGN_OR_RETURN(zeros[i], Parameter(node, translator, 2 + i,
                                            translator->value(i == 0 ? a : b).type, count));
  }
  return translator->Emit(node, "matmul_integer", {}, {a, b, zeros[0], zeros[1]}, KL_TYPE_I32,
                          shape);
}

KL_ONNX_TRANSLATION(QLinearMatMul) {
  KL_ASSIGN_OR_RETURN(const int32_t a, ByteInput(node, translator, 0));
  KL_ASSIGN_OR_RETURN(const int32_t b, ByteInput(node, translator, 3));
  KL_ASSIGN_OR_RETURN(const int32_t y_zero, ByteInput(node, translator, 7));
  const OnnxShape a_shape = translator->value(a).shape, b_shape = translator->value(b).shape;
  const kl_dtype a_type = translator->value(a).type, b_type = translator->value(b).type;
  const kl_dtype y_type = translator->value(y_zero).type;
  KL_ASSIGN_OR_RETURN(const OnnxShape shape, ProductShape(node, a_shape, b_shape));
  KL_ASSIGN_OR_RETURN(const int64_t rows, LengthAt(node, a_shape, 2));
  const int64_t columns = b_shape.back();
  KL_ASSIGN_OR_RETURN(const int32_t a_scale, Parameter(node, translator, 1, KL_TYPE_F32, rows));
  KL_ASSIGN_OR_RETURN(const int32_t a_zero, Parameter(node, translator, 2, a_type, rows));
  KL_ASSIGN_OR_RETURN(const int32_t b_scale, Parameter(node, translator, 4, KL_TYPE_F32, columns));
  KL_ASSIGN_OR_RETURN(const int32_t b_zero, Parameter(node, translator, 5, b_type, columns));
  KL_ASSIGN_OR_RETURN(const int32_t y_scale, Parameter(node, translator, 6, KL_TYPE_F32, 1));
  return translator->Emit(node, "matmul_quantized", {},
                          {a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero}, y_type, shape);
}

}  // namespace kinglet
