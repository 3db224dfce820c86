// Relu, Clip, Add, Sub, Mul, Softmax, BatchNormalization.
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "loaders/onnx/batch_norm.h"
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

absl::StatusOr<double> ClipLimit(const OnnxNode& node, const OnnxTranslator& translator, int index,
                                 double otherwise) {
  if (!node.HasInput(index)) return otherwise;
  KL_ASSIGN_OR_RETURN(const int32_t id, translator.FloatInput(node, index));
  const float* value = ConstantVector(translator, id, 1);
  if (value == nullptr) return node.Unsupported("limits that are not constant");
  return *value;
}

absl::Status Binary(const OnnxNode& node, OnnxTranslator* translator, absl::string_view op) {
  KL_ASSIGN_OR_RETURN(int32_t a, translator->FloatInput(node, 0));
  KL_ASSIGN_OR_RETURN(int32_t b, translator->FloatInput(node, 1));
  const OnnxShape& a_shape = translator->value(a).shape;
  const OnnxShape& b_shape = translator->value(b).shape;
  const size_t rank = std::max(a_shape.size(), b_shape.size());
  OnnxShape shape(rank);
  for (size_t d = 1; d <= rank; ++d) {
    const int64_t from_a = d <= a_shape.size() ? a_shape[a_shape.size() - d] : 1;
    const int64_t from_b = d <= b_shape.size() ? b_shape[b_shape.size() - d] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1) {
      return node.Broken("shapes that broadcast",
                         absl::StrCat("[", absl::StrJoin(a_shape, ", "), "] and [",
                                      absl::StrJoin(b_shape, ", "), "]"));
    }
    shape[rank - d] = from_a == 1 ? from_b : from_a;
  }
  return translator->Emit(node, op, {}, {a, b}, KL_TYPE_F32, std::move(shape));
}

}  // namespace

const float* ConstantVector(const OnnxTranslator& translator, int32_t id, int64_t length) {
  const OnnxConstant* constant = translator.value(id).constant.get();
  const bool fits = constant != nullptr && constant->type == KL_TYPE_F32 &&
                    constant->shape.size() <= 1 && ElementCount(constant->shape) == length;
  return fits ? constant->floats() : nullptr;
}

KL_ONNX_TRANSLATION(Relu) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  return Clamp(node, translator, x, 0.0, kInfinity, "relu");
}

KL_ONNX_TRANSLATION(Clip) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  double minimum = 0, maximum = 0;
  if (translator->opset() < 11) {
    KL_ASSIGN_OR_RETURN(minimum, node.Float("min", -kInfinity));
    KL_ASSIGN_OR_RETURN(maximum, node.Float("max", kInfinity));
  } else {
    KL_ASSIGN_OR_RETURN(minimum, ClipLimit(node, *translator, 1, -kInfinity));
    KL_ASSIGN_OR_RETURN(maximum, ClipLimit(node, *translator, 2, kInfinity));
  }
  if (std::isnan(minimum) || std::isnan(maximum))
    return node.Broken("limits that are numbers", "NaN");
  return Clamp(node, translator, x, minimum, maximum, "clip");
}

KL_ONNX_TRANSLATION(Add) { return Binary(node, translator, "add"); }
KL_ONNX_TRANSLATION(Sub) { return Binary(node, translator, "sub"); }
KL_ONNX_TRANSLATION(Mul) { return Binary(node, translator, "mul"); }

KL_ONNX_TRANSLATION(Softmax) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const OnnxShape shape = translator->value(x).shape;
  const int64_t rank = static_cast<int64_t>(shape.size());
  const bool along_axis = translator->opset() >= 13;
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", along_axis ? -1 : 1));
  // Before operator set 13 the axis may be the rank: rows of one element then.
  if (!along_axis && axis == rank && rank > 0) {
    OnnxShape column = shape;
    column.push_back(1);
    KL_ASSIGN_OR_RETURN(const int32_t columns,
                        translator->EmitInner(node, "reshape", {}, {x}, column));
    KL_ASSIGN_OR_RETURN(
        const int32_t ones,
        translator->EmitInner(node, "softmax", {{"axis", int64_t{-1}}}, {columns}, column));
    return translator->Emit(node, "reshape", {}, {ones}, KL_TYPE_F32, shape);
  }
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, rank));
  if (along_axis || axis == rank - 1) {
    return translator->Emit(node, "softmax", {{"axis", axis}}, {x}, KL_TYPE_F32, shape);
  }
  // Before operator set 13: over everything from the axis on.
  OnnxShape rows = {1, 1};
  for (int64_t d = 0; d < rank; ++d) rows[d < axis ? 0 : 1] *= shape[static_cast<size_t>(d)];
  KL_ASSIGN_OR_RETURN(const int32_t flat, translator->EmitInner(node, "reshape", {}, {x}, rows));
  KL_ASSIGN_OR_RETURN(const int32_t result,
                      translator->EmitInner(node, "softmax", {{"axis", int64_t{1}}}, {flat}, rows));
  return translator->Emit(node, "reshape", {}, {result}, KL_TYPE_F32, shape);
}

KL_ONNX_TRANSLATION(BatchNormalization) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const OnnxShape shape = translator->value(x).shape;
  KL_ASSIGN_OR_RETURN(const int64_t training, node.Int("training_mode", 0));
  if (training != 0) return node.Unsupported("training mode");
  KL_ASSIGN_OR_RETURN(const int64_t spatial, node.Int("spatial", 1));
  if (spatial != 1) return node.Unsupported("statistics for each element");
  KL_ASSIGN_OR_RETURN(const double epsilon, node.Float("epsilon", 1e-5));
  if (shape.size() < 2) return node.Broken("an input [N, C, ..]", "fewer than two dimensions");
  OnnxBatchNorm norm;
  norm.epsilon = epsilon;
  norm.channels = shape[1];
  std::vector<int32_t> operands = {x};
  const float** const vectors[] = {&norm.scale, &norm.bias, &norm.mean, &norm.variance};
  bool constant = true;
  for (int i = 0; i < 4; ++i) {
    KL_ASSIGN_OR_RETURN(const int32_t id, translator->FloatInput(node, 1 + i));
    if (translator->value(id).shape != OnnxShape{shape[1]}) {
      return node.Broken(absl::StrCat("input ", 1 + i, " to have ", shape[1], " elements"),
                         "another shape");
    }
    operands.push_back(id);
    *vectors[i] = ConstantVector(*translator, id, shape[1]);
    constant = constant && *vectors[i] != nullptr;
  }
  if (constant && FoldBatchNorm(norm, x, translator)) return translator->Replace(node, x);
  return translator->Emit(node, "batch_norm", {{"epsilon", epsilon}}, std::move(operands),
                          KL_TYPE_F32, shape);
}

}  // namespace kinglet
