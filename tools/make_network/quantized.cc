// The int8 forms of a network's layers: QLinear operators, in the manner of ONNX Runtime's static
// quantisation. Ranges follow from what activations are by construction: near 1 in size, those
// after a ReLU6 in [0, 6]. The clamp of a ReLU is the end of the codes' range.
#include <algorithm>
#include <cmath>

#include "tools/make_network/builder.h"

namespace kinglet::tools {
namespace {

constexpr float kCodes = 255.0f;
constexpr float kReach = 4.0f;     // deviations of an activation that codes cover
constexpr int32_t kLowest = -128;  // zero point of what is never negative
// Elsewhere not 0, so that padding with anything else than the zero point would show.
constexpr int32_t kMiddle = -3;

Codes CodesAfter(Activation activation) {
  if (activation == Activation::kRelu6) return {6.0f / kCodes, kLowest};
  if (activation == Activation::kRelu) return {2.0f * kReach / kCodes, kLowest};
  return {2.0f * kReach / kCodes, kMiddle};
}

}  // namespace

std::vector<std::string> NetworkBuilder::CodeNames(const std::string& name, const Codes& codes) {
  writer_.AddTensor(name + "_scale", {}, std::vector<float>{codes.scale});
  writer_.AddTensor(name + "_zero", {}, std::vector<int8_t>{static_cast<int8_t>(codes.zero_point)});
  return {name + "_scale", name + "_zero"};
}

Value NetworkBuilder::QuantizedInput(const std::vector<int64_t>& shape) {
  writer_.AddByteInput("input", shape);
  return {"input", shape, CodesAfter(Activation::kNone)};
}

Value NetworkBuilder::Dequantize(const Value& x) {
  const std::string name = Name("DequantizeLinear");
  const std::vector<std::string> codes = CodeNames(name, x.codes);
  writer_.AddNode("DequantizeLinear", name, {x.name, codes[0], codes[1]}, name, {});
  return {name, x.shape, {}};
}

Value NetworkBuilder::Quantize(const Value& x, const Codes& codes) {
  const std::string name = Name("QuantizeLinear");
  const std::vector<std::string> names = CodeNames(name, codes);
  writer_.AddNode("QuantizeLinear", name, {x.name, names[0], names[1]}, name, {});
  return {name, x.shape, codes};
}

NetworkBuilder::QuantizedWeights NetworkBuilder::MakeQuantizedWeights(const std::string& name,
                                                                      int64_t rows, int64_t columns,
                                                                      double gain, bool prune,
                                                                      float x_scale) {
  const std::vector<float> reals = Weights(name, rows, columns, gain, prune);
  QuantizedWeights weights;
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = reals.data() + r * columns;
    float most = 0;
    for (int64_t c = 0; c < columns; ++c) most = std::max(most, std::abs(row[c]));
    const float scale = most > 0 ? most / 127.0f : 1.0f;
    weights.scales.push_back(scale);
    for (int64_t c = 0; c < columns; ++c) {
      weights.codes.push_back(static_cast<int8_t>(std::lround(row[c] / scale)));
    }
    // A tenth of what activations are, alternately up and down.
    const double bias = (r % 2 == 0 ? 0.1 : -0.1) / (static_cast<double>(x_scale) * scale);
    weights.bias.push_back(static_cast<int32_t>(std::lround(bias)));
  }
  weight_count_ += rows;
  return weights;
}

Value NetworkBuilder::QuantizedConv(const Value& x, const ConvShape& shape,
                                    const std::vector<int64_t>& pads,
                                    const std::vector<int64_t>& result) {
  const std::string name = Name("QLinearConv");
  const int64_t width = shape.kernel_width > 0 ? shape.kernel_width : shape.kernel;
  const int64_t group_channels = x.shape[1] / shape.group;
  const int64_t depth = group_channels * shape.kernel * width;
  const bool prune = shape.kernel == 1 && width == 1 && shape.group == 1;
  const double gain = shape.activation == Activation::kNone ? 1.0 : 2.0;
  const QuantizedWeights weights =
      MakeQuantizedWeights(name + "_weight", shape.channels, depth, gain, prune, x.codes.scale);
  const Codes codes = CodesAfter(shape.activation);
  const std::vector<std::string> from = CodeNames(name + "_x", x.codes);
  const std::vector<std::string> to = CodeNames(name + "_y", codes);
  writer_.AddTensor(name + "_weight", {shape.channels, group_channels, shape.kernel, width},
                    weights.codes);
  writer_.AddTensor(name + "_weight_scale", {shape.channels}, weights.scales);
  writer_.AddTensor(name + "_weight_zero", {shape.channels},
                    std::vector<int8_t>(static_cast<size_t>(shape.channels), 0));
  writer_.AddTensor(name + "_bias", {shape.channels}, weights.bias);
  writer_.AddNode("QLinearConv", name,
                  {x.name, from[0], from[1], name + "_weight", name + "_weight_scale",
                   name + "_weight_zero", to[0], to[1], name + "_bias"},
                  name,
                  {IntsAttribute("kernel_shape", {shape.kernel, width}),
                   IntsAttribute("strides", {shape.stride, shape.stride}),
                   IntsAttribute("pads", pads), IntAttribute("group", shape.group)});
  mac_count_ += result[1] * result[2] * result[3] * depth;
  return {name, result, codes};
}

Value NetworkBuilder::QuantizedLinear(const Value& x, int64_t channels) {
  const std::string name = Name("QLinearMatMul");
  const int64_t depth = x.shape[1];
  const QuantizedWeights weights =
      MakeQuantizedWeights(name + "_weight", channels, depth, 1.0, true, x.codes.scale);
  std::vector<int8_t> transposed(weights.codes.size());  // the right side is [depth, channels]
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t k = 0; k < depth; ++k) {
      transposed[static_cast<size_t>(k * channels + c)] =
          weights.codes[static_cast<size_t>(c * depth + k)];
    }
  }
  const Codes codes = CodesAfter(Activation::kNone);
  const std::vector<std::string> from = CodeNames(name + "_x", x.codes);
  const std::vector<std::string> to = CodeNames(name + "_y", codes);
  writer_.AddTensor(name + "_weight", {depth, channels}, transposed);
  writer_.AddTensor(name + "_weight_scale", {channels}, weights.scales);
  writer_.AddTensor(name + "_weight_zero", {channels},
                    std::vector<int8_t>(static_cast<size_t>(channels), 0));
  writer_.AddNode("QLinearMatMul", name,
                  {x.name, from[0], from[1], name + "_weight", name + "_weight_scale",
                   name + "_weight_zero", to[0], to[1]},
                  name, {});
  mac_count_ += x.shape[0] * channels * depth;
  return {name, {x.shape[0], channels}, codes};
}

}  // namespace kinglet::tools
