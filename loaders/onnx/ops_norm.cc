// Softmax, LogSoftmax and the normalisations.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/onnx/batch_norm.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

// x - ln sum e^x along the axis.
absl::StatusOr<int32_t> EmitLogSoftmax(const OnnxNode& node, OnnxTranslator* translator, int32_t x,
                                       const OnnxShape& shape, int64_t axis) {
  OnnxShape kept = shape;
  kept[static_cast<size_t>(axis)] = 1;
  KL_ASSIGN_OR_RETURN(
      const int32_t sums,
      translator->EmitInner(node, "reduce",
                            {{"kind", std::string("log_sum_exp")}, {"axes", OnnxShape{axis}}}, {x},
                            kept));
  return translator->EmitInner(node, "sub", {}, {x, sums}, shape);
}

}  // namespace

KL_ONNX_TRANSLATION(Softmax) {
  KL_ASSIGN_OR_RETURN(int32_t x, translator->FloatInput(node, 0));
  const OnnxShape shape = translator->value(x).shape;
  const int64_t rank = static_cast<int64_t>(shape.size());
  const bool log = node.op_type() == "LogSoftmax";
  const bool along_axis = translator->opset() >= 13;
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", along_axis ? -1 : 1));
  // Before operator set 13 it runs over everything from the axis on, and the axis may be the rank.
  OnnxShape view = shape;
  if (!along_axis && axis == rank && rank > 0) {
    view.push_back(1);
  } else {
    KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, rank));
    if (!along_axis && axis != rank - 1) {
      view = {1, 1};
      for (int64_t d = 0; d < rank; ++d) view[d < axis ? 0 : 1] *= shape[static_cast<size_t>(d)];
      axis = 1;
    }
  }
  if (view == shape && !log) {
    return translator->Emit(node, "softmax", {{"axis", axis}}, {x}, KL_TYPE_F32, shape);
  }
  if (view != shape) {
    KL_ASSIGN_OR_RETURN(x, translator->EmitInner(node, "reshape", {}, {x}, view));
  }
  int32_t result = kNoOnnxValue;
  if (log) {
    KL_ASSIGN_OR_RETURN(result, EmitLogSoftmax(node, translator, x, view, axis));
  } else {
    KL_ASSIGN_OR_RETURN(result,
                        translator->EmitInner(node, "softmax", {{"axis", axis}}, {x}, view));
  }
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

KL_ONNX_TRANSLATION(LayerNormalization) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const OnnxShape shape = translator->value(x).shape;
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", -1));
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, static_cast<int64_t>(shape.size())));
  KL_ASSIGN_OR_RETURN(const double epsilon, node.Float("epsilon", 1e-5));
  const OnnxShape group(shape.begin() + axis, shape.end());
  OnnxShape kept = shape;
  for (size_t d = static_cast<size_t>(axis); d < kept.size(); ++d) kept[d] = 1;
  std::vector<int32_t> operands = {x};
  for (int i = 1; i < 3; ++i) {
    int32_t id = kNoOnnxValue;
    if (node.HasInput(i)) {
      KL_ASSIGN_OR_RETURN(id, translator->FloatInput(node, i));
      const auto both = BroadcastShape(group, translator->value(id).shape);
      if (!both.has_value() || *both != group)
        return node.Broken(
            absl::StrCat("input ", i, " that broadcasts to the normalised dimensions"),
            "another shape");
      const int64_t count = ElementCount(translator->value(id).shape);
      if (count != 1 && count != ElementCount(group)) {
        KL_ASSIGN_OR_RETURN(id, translator->EmitInner(node, "expand", {}, {id}, group));
      }
    }
    operands.push_back(id);
  }
  return translator->EmitMany(
      node, "layer_norm", {{"axis", axis}, {"epsilon", epsilon}}, std::move(operands),
      {{KL_TYPE_F32, shape}, {KL_TYPE_F32, kept, true}, {KL_TYPE_F32, kept, true}});
}

// Each channel of each image by itself: a layer normalisation of planes, then scale and bias.
KL_ONNX_TRANSLATION(InstanceNormalization) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const OnnxShape shape = translator->value(x).shape;
  if (shape.size() < 3) return node.Broken("an input [N, C, ..]", "fewer than three dimensions");
  KL_ASSIGN_OR_RETURN(const double epsilon, node.Float("epsilon", 1e-5));
  const OnnxShape channel = [&] {
    OnnxShape s(shape.size() - 1, 1);
    s[0] = shape[1];
    return s;
  }();
  OnnxShape planes = {shape[0] * shape[1], 1};
  for (size_t d = 2; d < shape.size(); ++d) planes[1] *= shape[d];
  int32_t parameters[2];
  for (int i = 0; i < 2; ++i) {
    KL_ASSIGN_OR_RETURN(const int32_t id, translator->FloatInput(node, 1 + i));
    if (translator->value(id).shape != OnnxShape{shape[1]})
      return node.Broken(absl::StrCat("input ", 1 + i, " to have ", shape[1], " elements"),
                         "another shape");
    KL_ASSIGN_OR_RETURN(parameters[i], translator->EmitInner(node, "reshape", {}, {id}, channel));
  }
  KL_ASSIGN_OR_RETURN(const int32_t flat, translator->EmitInner(node, "reshape", {}, {x}, planes));
  KL_ASSIGN_OR_RETURN(
      const int32_t normal,
      translator->EmitInner(node, "layer_norm", {{"axis", int64_t{1}}, {"epsilon", epsilon}},
                            {flat, kNoOnnxValue, kNoOnnxValue}, planes));
  translator->AddAbsentOperands(2);
  KL_ASSIGN_OR_RETURN(const int32_t back,
                      translator->EmitInner(node, "reshape", {}, {normal}, shape));
  KL_ASSIGN_OR_RETURN(const int32_t scaled,
                      translator->EmitInner(node, "mul", {}, {back, parameters[0]}, shape));
  return translator->Emit(node, "add", {}, {scaled, parameters[1]}, KL_TYPE_F32, shape);
}

}  // namespace kinglet
