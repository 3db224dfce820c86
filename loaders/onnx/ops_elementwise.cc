// Operators of one or two operands, element by element, and the clamps.
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double* FloatAttribute(GraphNode* node, absl::string_view name) {
  for (GraphAttribute& attribute : node->attributes) {
    if (attribute.name == std::string(name)) return std::get_if<double>(&attribute.value);
  }
  return nullptr;
}

// Clamps value x: within the convolution that makes it, where nothing else reads that; else by the
// op itself.
absl::Status Clamp(const OnnxNode& node, OnnxTranslator* translator, int32_t x, double minimum,
                   double maximum, absl::string_view op) {
  GraphNode* convolution = translator->SoleProducer(x, "conv2d");
  if (convolution != nullptr && minimum < maximum) {
    double* low = FloatAttribute(convolution, "minimum");
    double* high = FloatAttribute(convolution, "maximum");
    if (*low == -kInfinity && *high == kInfinity) {
      *low = minimum;
      *high = maximum;
      return translator->Replace(node, x);
    }
  }
  std::vector<GraphAttribute> attributes;
  if (op == "clip") attributes = {{"minimum", minimum}, {"maximum", maximum}};
  return translator->Emit(node, op, std::move(attributes), {x}, KL_TYPE_F32,
                          translator->value(x).shape);
}

// A scalar of the type of value `like`.
int32_t Scalar(OnnxTranslator* translator, const OnnxNode& node, int32_t like, int64_t number) {
  return translator->AddConstant(absl::StrCat(node.name(), "/", number),
                                 WholeConstant(translator->value(like).type, {}, {number}));
}

// Input `index` as elementwise operators want it: f16 and the like as f32, others as they are.
absl::StatusOr<int32_t> Element(const OnnxNode& node, OnnxTranslator* translator, int index) {
  KL_ASSIGN_OR_RETURN(const int32_t id, translator->Input(node, index));
  return IsOnnxFloat(translator->value(id).type) ? translator->AsFloat(node, id)
                                                 : absl::StatusOr<int32_t>(id);
}

struct OpName {
  const char* onnx;
  const char* op;
};

const char* NameIn(absl::Span<const OpName> rows, const std::string& op_type) {
  for (const OpName& row : rows) {
    if (op_type == row.onnx) return row.op;
  }
  return "";
}

struct BinaryOperands {
  int32_t a;
  int32_t b;
  OnnxShape shape;
};

absl::StatusOr<OnnxShape> Broadcast(const OnnxNode& node, const OnnxTranslator& translator,
                                    int32_t a, int32_t b) {
  const OnnxShape& a_shape = translator.value(a).shape;
  const OnnxShape& b_shape = translator.value(b).shape;
  const auto shape = BroadcastShape(a_shape, b_shape);
  if (shape.has_value()) return *shape;
  return node.Broken("shapes that broadcast",
                     absl::StrCat("[", absl::StrJoin(a_shape, ", "), "] and [",
                                  absl::StrJoin(b_shape, ", "), "]"));
}

absl::Status SameType(const OnnxNode& node, const OnnxTranslator& translator, int32_t a,
                      int32_t b) {
  if (translator.value(a).type == translator.value(b).type) return absl::OkStatus();
  return node.Broken("inputs of one type",
                     absl::StrCat(kl_dtype_info_of(translator.value(a).type).name, " and ",
                                  kl_dtype_info_of(translator.value(b).type).name));
}

// Emits or folds op(a, b).
absl::Status EmitBinary(const OnnxNode& node, OnnxTranslator* translator, absl::string_view op,
                        int32_t a, int32_t b, bool compares) {
  KL_RETURN_IF_ERROR(SameType(node, *translator, a, b));
  KL_ASSIGN_OR_RETURN(OnnxShape shape, Broadcast(node, *translator, a, b));
  const auto& x = translator->value(a).constant;
  const auto& y = translator->value(b).constant;
  if (x != nullptr && y != nullptr) {
    auto folded = FoldBinary(op, *x, *y);
    if (folded.has_value()) return translator->SetConstant(node, *std::move(folded));
  }
  const kl_dtype type = compares ? kl_dtype{KL_TYPE_BOOL} : translator->value(a).type;
  return translator->Emit(node, op, {}, {a, b}, type, std::move(shape));
}

absl::StatusOr<int32_t> EmitInnerBinary(const OnnxNode& node, OnnxTranslator* translator,
                                        absl::string_view op, int32_t a, int32_t b) {
  KL_RETURN_IF_ERROR(SameType(node, *translator, a, b));
  KL_ASSIGN_OR_RETURN(OnnxShape shape, Broadcast(node, *translator, a, b));
  return translator->EmitInner(node, op, {}, {a, b}, std::move(shape), translator->value(a).type);
}

absl::Status EmitUnary(const OnnxNode& node, OnnxTranslator* translator, absl::string_view op,
                       int32_t x, std::vector<GraphAttribute> attributes = {}) {
  const auto& constant = translator->value(x).constant;
  if (constant != nullptr && attributes.empty()) {
    auto folded = FoldUnary(op, *constant);
    if (folded.has_value()) return translator->SetConstant(node, *std::move(folded));
  }
  return translator->Emit(node, op, std::move(attributes), {x}, KL_TYPE_F32,
                          translator->value(x).shape);
}

}  // namespace

const float* ConstantVector(const OnnxTranslator& translator, int32_t id, int64_t length) {
  const OnnxConstant* constant = translator.value(id).constant.get();
  const bool fits = constant != nullptr && constant->type == KL_TYPE_F32 &&
                    constant->shape.size() <= 1 && ElementCount(constant->shape) == length;
  return fits ? constant->floats() : nullptr;
}

KL_ONNX_TRANSLATION(Relu) {
  KL_ASSIGN_OR_RETURN(const int32_t x, Element(node, translator, 0));
  if (translator->value(x).type == KL_TYPE_F32) {
    return Clamp(node, translator, x, 0.0, kInfinity, "relu");
  }
  return EmitBinary(node, translator, "max", x, Scalar(translator, node, x, 0), false);
}

KL_ONNX_TRANSLATION(Clip) {
  KL_ASSIGN_OR_RETURN(const int32_t x, Element(node, translator, 0));
  const bool is_float = translator->value(x).type == KL_TYPE_F32;
  if (translator->opset() < 11) {
    KL_ASSIGN_OR_RETURN(const double minimum, node.Float("min", -kInfinity));
    KL_ASSIGN_OR_RETURN(const double maximum, node.Float("max", kInfinity));
    if (!is_float || std::isnan(minimum) || std::isnan(maximum))
      return node.Broken("floats and limits that are numbers", "others");
    return Clamp(node, translator, x, minimum, maximum, "clip");
  }
  double limits[2] = {-kInfinity, kInfinity};
  int32_t ids[2] = {kNoOnnxValue, kNoOnnxValue};
  bool constant = true;
  for (int i = 0; i < 2; ++i) {
    if (!node.HasInput(1 + i)) continue;
    KL_ASSIGN_OR_RETURN(ids[i], Element(node, translator, 1 + i));
    KL_RETURN_IF_ERROR(SameType(node, *translator, x, ids[i]));
    const OnnxValue& limit = translator->value(ids[i]);
    if (ElementCount(limit.shape) != 1) return node.Broken("limits of one element", "others");
    constant = constant && limit.constant != nullptr;
    if (limit.constant != nullptr) limits[i] = Reals(*limit.constant)[0];
  }
  if (std::isnan(limits[0]) || std::isnan(limits[1]))
    return node.Broken("limits that are numbers", "NaN");
  if (is_float && constant) return Clamp(node, translator, x, limits[0], limits[1], "clip");
  if (ids[0] == kNoOnnxValue && ids[1] == kNoOnnxValue)
    return ReshapeOnnxValue(node, translator, x, translator->value(x).shape);
  if (ids[1] == kNoOnnxValue) return EmitBinary(node, translator, "max", x, ids[0], false);
  int32_t raised = x;
  if (ids[0] != kNoOnnxValue) {
    KL_ASSIGN_OR_RETURN(raised, EmitInnerBinary(node, translator, "max", x, ids[0]));
  }
  return EmitBinary(node, translator, "min", raised, ids[1], false);
}

KL_ONNX_TRANSLATION(Binary) {
  constexpr OpName kOps[] = {{"Add", "add"}, {"Sub", "sub"}, {"Mul", "mul"},
                             {"Div", "div"}, {"Pow", "pow"}, {"PRelu", "prelu"}};
  KL_ASSIGN_OR_RETURN(const int32_t a, Element(node, translator, 0));
  KL_ASSIGN_OR_RETURN(int32_t b, Element(node, translator, 1));
  const kl_dtype type = translator->value(a).type;
  if (node.op_type() == "Pow" && translator->value(b).type != type) {
    // The exponent may have a type of its own.
    const OnnxValue& exponent = translator->value(b);
    auto folded = exponent.constant == nullptr ? std::nullopt : FoldCast(*exponent.constant, type);
    if (folded.has_value()) {
      b = translator->AddConstant(absl::StrCat(exponent.name, "/cast"), *std::move(folded));
    } else {
      KL_ASSIGN_OR_RETURN(b, translator->EmitInner(node, "cast", {}, {b}, exponent.shape, type));
    }
  }
  return EmitBinary(node, translator, NameIn(kOps, node.op_type()), a, b, false);
}

KL_ONNX_TRANSLATION(Mod) {
  KL_ASSIGN_OR_RETURN(const int64_t like_c, node.Int("fmod", 0));
  KL_ASSIGN_OR_RETURN(const int32_t a, Element(node, translator, 0));
  KL_ASSIGN_OR_RETURN(const int32_t b, Element(node, translator, 1));
  const bool whole = translator->value(a).type != KL_TYPE_F32;
  if (whole != (like_c == 0)) {
    return node.Unsupported(whole ? "fmod = 1 of whole numbers" : "floats without fmod = 1");
  }
  return EmitBinary(node, translator, "mod", a, b, false);
}

KL_ONNX_TRANSLATION(Compare) {
  constexpr OpName kOps[] = {{"Equal", "equal"},
                             {"Less", "less"},
                             {"LessOrEqual", "less_equal"},
                             {"Greater", "less"},
                             {"GreaterOrEqual", "less_equal"},
                             {"And", "logical_and"},
                             {"Or", "logical_or"},
                             {"Xor", "logical_xor"}};
  KL_ASSIGN_OR_RETURN(int32_t a, Element(node, translator, 0));
  KL_ASSIGN_OR_RETURN(int32_t b, Element(node, translator, 1));
  if (node.op_type()[0] == 'G') std::swap(a, b);
  return EmitBinary(node, translator, NameIn(kOps, node.op_type()), a, b, true);
}

KL_ONNX_TRANSLATION(Not) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  if (translator->value(x).type != KL_TYPE_BOOL) return node.Broken("bool", "another type");
  return EmitBinary(node, translator, "logical_xor", x, Scalar(translator, node, x, 1), true);
}

// Sum, Mean, Min, Max: any number of inputs, two at a time.
KL_ONNX_TRANSLATION(Variadic) {
  constexpr OpName kOps[] = {{"Sum", "add"}, {"Mean", "add"}, {"Min", "min"}, {"Max", "max"}};
  const char* op = NameIn(kOps, node.op_type());
  KL_ASSIGN_OR_RETURN(int32_t total, Element(node, translator, 0));
  const bool mean = node.op_type() == "Mean" && node.input_count() > 1;
  if (node.input_count() == 1)
    return ReshapeOnnxValue(node, translator, total, translator->value(total).shape);
  for (int i = 1; i < node.input_count(); ++i) {
    KL_ASSIGN_OR_RETURN(const int32_t next, Element(node, translator, i));
    if (i + 1 == node.input_count() && !mean)
      return EmitBinary(node, translator, op, total, next, false);
    KL_ASSIGN_OR_RETURN(total, EmitInnerBinary(node, translator, op, total, next));
  }
  return EmitBinary(node, translator, "div", total,
                    Scalar(translator, node, total, node.input_count()), false);
}

KL_ONNX_TRANSLATION(Unary) {
  constexpr OpName kOps[] = {{"Exp", "exp"},
                             {"Log", "log"},
                             {"Sqrt", "sqrt"},
                             {"Erf", "erf"},
                             {"Tanh", "tanh"},
                             {"Sigmoid", "sigmoid"},
                             {"HardSwish", "hard_swish"},
                             {"Softplus", "softplus"},
                             {"Softsign", "softsign"},
                             {"Sin", "sin"},
                             {"Cos", "cos"},
                             {"Floor", "floor"},
                             {"Ceil", "ceil"},
                             {"Round", "round"},
                             {"Reciprocal", "reciprocal"}};
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  return EmitUnary(node, translator, NameIn(kOps, node.op_type()), x);
}

KL_ONNX_TRANSLATION(Sign) {
  // Abs, Neg, Sign: of whole numbers as well.
  KL_ASSIGN_OR_RETURN(const int32_t x, Element(node, translator, 0));
  const int32_t zero = Scalar(translator, node, x, 0);
  if (node.op_type() == "Neg") {
    if (translator->value(x).type == KL_TYPE_F32)
      return EmitBinary(node, translator, "mul", x, Scalar(translator, node, x, -1), false);
    return EmitBinary(node, translator, "sub", zero, x, false);
  }
  const bool absolute = node.op_type() == "Abs";
  if (translator->value(x).type == KL_TYPE_F32)
    return EmitUnary(node, translator, absolute ? "abs" : "sign", x);
  if (absolute) {
    KL_ASSIGN_OR_RETURN(const int32_t negative, EmitInnerBinary(node, translator, "sub", zero, x));
    return EmitBinary(node, translator, "max", x, negative, false);
  }
  KL_ASSIGN_OR_RETURN(const int32_t low,
                      EmitInnerBinary(node, translator, "max", x, Scalar(translator, node, x, -1)));
  return EmitBinary(node, translator, "min", low, Scalar(translator, node, x, 1), false);
}

KL_ONNX_TRANSLATION(Activation) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const std::string& type = node.op_type();
  if (type == "Gelu") {
    KL_ASSIGN_OR_RETURN(const std::string approximate, node.String("approximate", "none"));
    if (approximate != "none" && approximate != "tanh")
      return node.Broken("approximate none or tanh", approximate);
    return EmitUnary(node, translator, "gelu", x,
                     {{"approximate", int64_t{approximate == "tanh" ? 1 : 0}}});
  }
  if (type == "Mish") {
    const OnnxShape shape = translator->value(x).shape;
    KL_ASSIGN_OR_RETURN(const int32_t plus,
                        translator->EmitInner(node, "softplus", {}, {x}, shape));
    KL_ASSIGN_OR_RETURN(const int32_t gate, translator->EmitInner(node, "tanh", {}, {plus}, shape));
    return translator->Emit(node, "mul", {}, {x, gate}, KL_TYPE_F32, shape);
  }
  const double otherwise = type == "HardSigmoid" ? 0.2
                           : type == "LeakyRelu" ? 0.01
                           : type == "Selu"      ? 1.67326319217681884765625
                                                 : 1.0;
  KL_ASSIGN_OR_RETURN(const double alpha, node.Float("alpha", otherwise));
  if (type == "HardSigmoid") {
    KL_ASSIGN_OR_RETURN(const double beta, node.Float("beta", 0.5));
    return EmitUnary(node, translator, "hard_sigmoid", x, {{"alpha", alpha}, {"beta", beta}});
  }
  if (type == "LeakyRelu") return EmitUnary(node, translator, "leaky_relu", x, {{"alpha", alpha}});
  if (type == "Selu") {
    KL_ASSIGN_OR_RETURN(const double gamma, node.Float("gamma", 1.05070102214813232421875));
    return EmitUnary(node, translator, "elu", x, {{"alpha", alpha}, {"gamma", gamma}});
  }
  // Elu, Celu.
  const double beta = type == "Celu" ? alpha : 1.0;
  return EmitUnary(node, translator, "elu", x, {{"alpha", alpha}, {"beta", beta}});
}

KL_ONNX_TRANSLATION(Where) {
  KL_ASSIGN_OR_RETURN(const int32_t condition, translator->Input(node, 0));
  KL_ASSIGN_OR_RETURN(const int32_t a, translator->Input(node, 1));
  KL_ASSIGN_OR_RETURN(const int32_t b, translator->Input(node, 2));
  if (translator->value(condition).type != KL_TYPE_BOOL)
    return node.Broken("a condition of bool", "another type");
  KL_RETURN_IF_ERROR(SameType(node, *translator, a, b));
  const auto& flags = translator->value(condition).constant;
  const auto& x = translator->value(a).constant;
  const auto& y = translator->value(b).constant;
  if (flags != nullptr && x != nullptr && y != nullptr) {
    auto folded = FoldWhere(*flags, *x, *y);
    if (folded.has_value()) return translator->SetConstant(node, *std::move(folded));
  }
  KL_ASSIGN_OR_RETURN(const OnnxShape both, Broadcast(node, *translator, a, b));
  const auto shape = BroadcastShape(translator->value(condition).shape, both);
  if (!shape.has_value()) return node.Broken("shapes that broadcast", "others");
  return translator->Emit(node, "where", {}, {condition, a, b}, translator->value(a).type, *shape);
}

KL_ONNX_TRANSLATION(Cast) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  kl_dtype type = KL_TYPE_NONE;
  if (node.op_type() == "CastLike") {
    KL_ASSIGN_OR_RETURN(const int32_t like, translator->Input(node, 1));
    type = translator->value(like).type;
  } else {
    if (!node.Has("to")) return node.Broken("attribute to", "none");
    KL_ASSIGN_OR_RETURN(const int64_t to, node.Int("to", -1));
    type = to < 0 || to > 1000 ? KL_TYPE_NONE : DtypeOfOnnx(static_cast<int>(to));
    if (type == KL_TYPE_NONE) return node.Unsupported(absl::StrCat("element type ", to));
  }
  const OnnxShape shape = translator->value(x).shape;
  if (type == translator->value(x).type) return ReshapeOnnxValue(node, translator, x, shape);
  if (translator->value(x).constant != nullptr) {
    auto folded = FoldCast(*translator->value(x).constant, type);
    if (folded.has_value()) return translator->SetConstant(node, *std::move(folded));
  }
  return translator->Emit(node, "cast", {}, {x}, type, shape);
}

}  // namespace kinglet
