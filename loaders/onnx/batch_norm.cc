#include "loaders/onnx/batch_norm.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

// Where the output channel of an element of the weights is found: index / step % channels.
struct Layer {
  GraphNode* node;
  int64_t step;
};

template <typename T>
T AttributeOf(const GraphNode& node, absl::string_view name, T otherwise) {
  for (const GraphAttribute& attribute : node.attributes) {
    const T* value = std::get_if<T>(&attribute.value);
    if (attribute.name == std::string(name) && value != nullptr) return *value;
  }
  return otherwise;
}

bool FindLayer(int32_t x, OnnxTranslator* translator, Layer* layer) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  layer->node = translator->SoleProducer(x, "conv2d");
  if (layer->node != nullptr) {
    const OnnxShape& w = translator->value(layer->node->operands[1]).shape;
    layer->step = w[1] * w[2] * w[3];
    return AttributeOf(*layer->node, "minimum", 0.0) == -kInfinity &&
           AttributeOf(*layer->node, "maximum", 0.0) == kInfinity;
  }
  layer->node = translator->SoleProducer(x, "gemm");
  if (layer->node == nullptr) return false;
  const OnnxShape& b = translator->value(layer->node->operands[1]).shape;
  layer->step = AttributeOf(*layer->node, "transpose_b", int64_t{0}) != 0 ? b[1] : 1;
  return AttributeOf(*layer->node, "beta", 0.0) == 1.0;
}

}  // namespace

bool FoldBatchNorm(const OnnxBatchNorm& norm, int32_t x, OnnxTranslator* translator) {
  Layer layer;
  if (!FindLayer(x, translator, &layer)) return false;
  const int32_t w = layer.node->operands[1], b = layer.node->operands[2];
  if (translator->value(w).constant == nullptr) return false;
  const float* bias = b == kNoOnnxValue ? nullptr : ConstantVector(*translator, b, norm.channels);
  if (b != kNoOnnxValue && bias == nullptr) return false;

  OnnxConstant weights = *translator->value(w).constant;
  OnnxConstant new_bias;
  new_bias.shape = {norm.channels};
  new_bias.bytes.resize(static_cast<size_t>(norm.channels) * sizeof(float));
  std::vector<double> factors(static_cast<size_t>(norm.channels));
  for (int64_t c = 0; c < norm.channels; ++c) {
    const double factor = norm.scale[c] / std::sqrt(norm.variance[c] + norm.epsilon);
    const double old_bias = bias == nullptr ? 0.0 : bias[c];
    factors[static_cast<size_t>(c)] = factor;
    new_bias.floats()[c] = static_cast<float>((old_bias - norm.mean[c]) * factor + norm.bias[c]);
  }
  const int64_t count = ElementCount(weights.shape);
  for (int64_t i = 0; i < count; ++i) {
    const double factor = factors[static_cast<size_t>(i / layer.step % norm.channels)];
    weights.floats()[i] = static_cast<float>(weights.floats()[i] * factor);
  }
  const std::string name = translator->value(w).name;
  layer.node->operands[1] =
      translator->AddConstant(absl::StrCat(name, "/normalised"), std::move(weights));
  layer.node->operands[2] =
      translator->AddConstant(absl::StrCat(name, "/normalised_bias"), std::move(new_bias));
  return true;
}

}  // namespace kinglet
