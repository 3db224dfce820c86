#include "tools/make_network/builder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "tools/common/random.h"
#include "tools/make_network/zeros.h"

namespace kinglet::tools {
namespace {

constexpr double kBiasDeviation = 0.1;

int64_t Product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<int64_t>());
}

// E[f(x)^2] of a normal x of variance 1 is about 1 / gain.
double GainOf(Activation activation) { return activation == Activation::kNone ? 1.0 : 2.0; }

// Of a sum of independent numbers.
Codes SumCodes(const Codes& a, const Codes& b) {
  return {std::sqrt(a.scale * a.scale + b.scale * b.scale), (a.zero_point + b.zero_point) / 2};
}

std::vector<float> Normal(uint64_t seed, const std::string& name, int64_t count, double deviation) {
  Random random(seed, name, 0);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(deviation * random.Gaussian());
  return values;
}

}  // namespace

int64_t NetworkBuilder::RoundChannels(int64_t channels, double factor) {
  const double wanted = static_cast<double>(channels) * factor;
  int64_t rounded = std::max<int64_t>(8, static_cast<int64_t>(wanted + 4) / 8 * 8);
  if (static_cast<double>(rounded) < 0.9 * wanted) rounded += 8;
  return rounded;
}

std::string NetworkBuilder::Name(const std::string& kind) {
  return kind + "_" + std::to_string(++name_count_);
}

Value NetworkBuilder::Emit(const std::string& op, const std::vector<std::string>& inputs,
                           const std::vector<int64_t>& shape,
                           const std::vector<OnnxAttribute>& attributes) {
  const std::string name = Name(op);
  writer_.AddNode(op, name, inputs, name, attributes);
  return {name, shape, {}};
}

Value NetworkBuilder::Input(const std::vector<int64_t>& shape) {
  if (options_.int8) return QuantizedInput(shape);
  writer_.AddInput("input", shape);
  return {"input", shape, {}};
}

void NetworkBuilder::Output(const Value& value) {
  const Value real = value.codes.scale > 0 ? Dequantize(value) : value;
  writer_.AddOutput(real.name, real.shape);
}

std::vector<float> NetworkBuilder::Weights(const std::string& name, int64_t rows, int64_t columns,
                                           double gain, bool prune) {
  const double zeros = prune ? options_.zeros : 0.0;
  const double kept = std::max(1.0, static_cast<double>(columns) * (1.0 - zeros));
  std::vector<float> weights = Normal(options_.seed, name, rows * columns, std::sqrt(gain / kept));
  if (zeros > 0) {
    Random random(options_.seed, name, 1);
    ZeroBlocks(rows, columns, zeros, options_.block, &random, &weights);
  }
  weight_count_ += rows * columns;
  zero_count_ += std::count(weights.begin(), weights.end(), 0.0f);
  return weights;
}

std::string NetworkBuilder::Bias(const std::string& name, int64_t channels) {
  writer_.AddTensor(name, {channels}, Normal(options_.seed, name, channels, kBiasDeviation));
  weight_count_ += channels;
  return name;
}

Value NetworkBuilder::Conv(const Value& x, const ConvShape& shape) {
  const int64_t width = shape.kernel_width > 0 ? shape.kernel_width : shape.kernel;
  const int64_t pad = shape.pad == kSamePad ? shape.kernel / 2 : shape.pad;
  const std::vector<int64_t> pads =
      shape.pads.empty() ? std::vector<int64_t>{pad, pad, pad, pad} : shape.pads;
  const int64_t group_channels = x.shape[1] / shape.group;
  const int64_t rows = (x.shape[2] + pads[0] + pads[2] - shape.kernel) / shape.stride + 1;
  const int64_t columns = (x.shape[3] + pads[1] + pads[3] - width) / shape.stride + 1;
  if (x.codes.scale > 0)
    return QuantizedConv(x, shape, pads, {x.shape[0], shape.channels, rows, columns});
  const int64_t depth = group_channels * shape.kernel * width;
  const std::string name = Name("Conv");
  const bool prune = shape.kernel == 1 && width == 1 && shape.group == 1;
  writer_.AddTensor(
      name + "_weight", {shape.channels, group_channels, shape.kernel, width},
      Weights(name + "_weight", shape.channels, depth, GainOf(shape.activation), prune));
  const std::string bias = Bias(name + "_bias", shape.channels);
  writer_.AddNode("Conv", name, {x.name, name + "_weight", bias}, name,
                  {IntsAttribute("kernel_shape", {shape.kernel, width}),
                   IntsAttribute("strides", {shape.stride, shape.stride}),
                   IntsAttribute("pads", pads), IntAttribute("group", shape.group)});
  mac_count_ += shape.channels * rows * columns * depth;
  return Activate({name, {x.shape[0], shape.channels, rows, columns}, {}}, shape.activation);
}

Value NetworkBuilder::Pointwise(const Value& x, int64_t channels, Activation activation) {
  ConvShape shape;
  shape.channels = channels;
  shape.kernel = 1;
  shape.activation = activation;
  return Conv(x, shape);
}

Value NetworkBuilder::Depthwise(const Value& x, int64_t kernel, int64_t stride,
                                Activation activation) {
  ConvShape shape;
  shape.channels = shape.group = x.shape[1];
  shape.kernel = kernel;
  shape.stride = stride;
  shape.activation = activation;
  return Conv(x, shape);
}

Value NetworkBuilder::MaxPool(const Value& x, int64_t kernel, int64_t stride, int64_t pad) {
  const auto length = [&](int64_t input) { return (input + 2 * pad - kernel) / stride + 1; };
  return Emit(
      "MaxPool", {x.name}, {x.shape[0], x.shape[1], length(x.shape[2]), length(x.shape[3])},
      {IntsAttribute("kernel_shape", {kernel, kernel}), IntsAttribute("strides", {stride, stride}),
       IntsAttribute("pads", {pad, pad, pad, pad})});
}

Value NetworkBuilder::GlobalAveragePool(const Value& x) {
  if (x.codes.scale > 0) return Quantize(GlobalAveragePool(Dequantize(x)), x.codes);
  return Emit("GlobalAveragePool", {x.name}, {x.shape[0], x.shape[1], 1, 1});
}

Value NetworkBuilder::Flatten(const Value& x) {
  Value y = Emit("Flatten", {x.name}, {x.shape[0], Product(x.shape) / x.shape[0]},
                 {IntAttribute("axis", 1)});
  y.codes = x.codes;
  return y;
}

Value NetworkBuilder::Linear(const Value& x, int64_t channels) {
  if (x.codes.scale > 0) return QuantizedLinear(x, channels);
  const std::string name = Name("Gemm");
  const int64_t depth = x.shape[1];
  writer_.AddTensor(name + "_weight", {channels, depth},
                    Weights(name + "_weight", channels, depth, 1.0, true));
  const std::string bias = Bias(name + "_bias", channels);
  writer_.AddNode("Gemm", name, {x.name, name + "_weight", bias}, name,
                  {IntAttribute("transB", 1)});
  mac_count_ += x.shape[0] * channels * depth;
  return {name, {x.shape[0], channels}, {}};
}

Value NetworkBuilder::TokenLinear(const Value& x, int64_t channels, Activation activation) {
  const std::string name = Name("MatMul");
  const int64_t depth = x.shape.back();
  const std::vector<float> rows =
      Weights(name + "_weight", channels, depth, GainOf(activation), true);
  std::vector<float> transposed(rows.size());  // MatMul's right side is [depth, channels]
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t k = 0; k < depth; ++k) {
      transposed[static_cast<size_t>(k * channels + c)] = rows[static_cast<size_t>(c * depth + k)];
    }
  }
  writer_.AddTensor(name + "_weight", {depth, channels}, transposed);
  std::vector<int64_t> shape = x.shape;
  shape.back() = channels;
  writer_.AddNode("MatMul", name, {x.name, name + "_weight"}, name, {});
  mac_count_ += Product(shape) * depth;
  const std::string bias = Bias(name + "_bias", channels);
  return Activate(Emit("Add", {name, bias}, shape), activation);
}

Value NetworkBuilder::Activate(const Value& x, Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return Emit("Relu", {x.name}, x.shape);
    case Activation::kRelu6: {
      const std::string name = Name("limits");
      writer_.AddTensor(name + "_low", {}, std::vector<float>{0.0f});
      writer_.AddTensor(name + "_high", {}, std::vector<float>{6.0f});
      return Emit("Clip", {x.name, name + "_low", name + "_high"}, x.shape);
    }
    case Activation::kSwish:
      return Mul(x, Sigmoid(x));
    case Activation::kHardSwish:
      return Emit("HardSwish", {x.name}, x.shape);
    case Activation::kGelu:
      return Emit("Gelu", {x.name}, x.shape);
    case Activation::kNone:
      break;
  }
  return x;
}

Value NetworkBuilder::Sigmoid(const Value& x) { return Emit("Sigmoid", {x.name}, x.shape); }

Value NetworkBuilder::Binary(const char* op, const Value& a, const Value& b) {
  if (a.codes.scale > 0)
    return Quantize(Binary(op, Dequantize(a), Dequantize(b)), SumCodes(a.codes, b.codes));
  const bool first = Product(a.shape) >= Product(b.shape);  // the other one is broadcast
  return Emit(op, {a.name, b.name}, first ? a.shape : b.shape);
}

Value NetworkBuilder::MatMul(const Value& a, const Value& b) {
  std::vector<int64_t> shape = a.shape;
  shape.back() = b.shape.back();
  mac_count_ += Product(shape) * a.shape.back();
  return Emit("MatMul", {a.name, b.name}, shape);
}

Value NetworkBuilder::Scale(const Value& x, float factor) {
  const std::string name = Name("factor");
  writer_.AddTensor(name, {}, std::vector<float>{factor});
  return Emit("Mul", {x.name, name}, x.shape);
}

Value NetworkBuilder::Softmax(const Value& x, int64_t axis) {
  return Emit("Softmax", {x.name}, x.shape, {IntAttribute("axis", axis)});
}

Value NetworkBuilder::LayerNorm(const Value& x) {
  const std::string name = Name("norm");
  const int64_t length = x.shape.back();
  writer_.AddTensor(name + "_scale", {length},
                    std::vector<float>(static_cast<size_t>(length), 1.0f));
  weight_count_ += length;
  return Emit("LayerNormalization", {x.name, name + "_scale", Bias(name + "_bias", length)},
              x.shape, {IntAttribute("axis", -1), FloatAttribute("epsilon", 1e-5f)});
}

Value NetworkBuilder::Reshape(const Value& x, const std::vector<int64_t>& shape) {
  const std::string name = Name("shape");
  writer_.AddTensor(name, {static_cast<int64_t>(shape.size())}, shape);
  return Emit("Reshape", {x.name, name}, shape);
}

Value NetworkBuilder::Transpose(const Value& x, const std::vector<int64_t>& order) {
  std::vector<int64_t> shape;
  for (const int64_t axis : order) shape.push_back(x.shape[static_cast<size_t>(axis)]);
  return Emit("Transpose", {x.name}, shape, {IntsAttribute("perm", order)});
}

Value NetworkBuilder::ReduceMean(const Value& x, int64_t axis) {
  const std::string name = Name("axes");
  writer_.AddTensor(name, {1}, std::vector<int64_t>{axis});
  std::vector<int64_t> shape = x.shape;
  shape.erase(shape.begin() + axis);
  return Emit("ReduceMean", {x.name, name}, shape, {IntAttribute("keepdims", 0)});
}

Value NetworkBuilder::Parameter(const std::string& kind, const std::vector<int64_t>& shape,
                                double deviation) {
  const std::string name = Name(kind);
  writer_.AddTensor(name, shape, Normal(options_.seed, name, Product(shape), deviation));
  weight_count_ += Product(shape);
  return {name, shape, {}};
}

Value NetworkBuilder::GatherLast(const Value& table, const std::vector<int64_t>& index_shape,
                                 const std::vector<int64_t>& indices) {
  const std::string name = Name("indices");
  writer_.AddTensor(name, index_shape, indices);
  std::vector<int64_t> shape(table.shape.begin(), table.shape.end() - 1);
  shape.insert(shape.end(), index_shape.begin(), index_shape.end());
  return Emit("Gather", {table.name, name}, shape, {IntAttribute("axis", -1)});
}

}  // namespace kinglet::tools
