// What the descriptions of networks are written in: layers with seeded random weights.
//
//   Value x = b->Input({1, 3, b->size(), b->size()});
//   x = b->Conv(x, {.channels = 32, .stride = 2});
//   x = b->Depthwise(x, 3, 1, Activation::kRelu6);
//   b->Output(b->Linear(b->Flatten(b->GlobalAveragePool(x)), b->classes()));
//
// Weights are normal with the deviation that keeps activations near 1 at any depth, zeros included
// in the account; biases are small. --zeros goes into 1x1 convolutions and fully connected layers.
// Every weight has a random stream named after it: a network with other zeros has the same values
// elsewhere. Not thread safe.
#ifndef KINGLET_TOOLS_MAKE_NETWORK_BUILDER_H_
#define KINGLET_TOOLS_MAKE_NETWORK_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/make_network/onnx_writer.h"

namespace kinglet::tools {

struct NetworkOptions {
  double zeros = 0;   // share of the weights that can be pruned
  int64_t block = 1;  // output channels that are zero together
  int64_t size = 0;   // height and width of the image
  double width = 1;   // factor for channels
  int64_t classes = 1000;
  uint64_t seed = 1;
  bool int8 = false;  // QLinear operators on i8 codes, weights with a scale for each channel
};

// Of a network with int8: real = (code - zero_point) * scale.
struct Codes {
  float scale = 0;
  int32_t zero_point = 0;
};

struct Value {
  std::string name;
  std::vector<int64_t> shape;
  Codes codes = {};  // scale 0: the value is f32
};

enum class Activation { kNone, kRelu, kRelu6, kSwish, kHardSwish, kGelu };

constexpr int64_t kSamePad = -1;

// Square by default; padding keeps height and width at stride 1.
struct ConvShape {
  int64_t channels = 0;
  int64_t kernel = 3;
  int64_t stride = 1;
  Activation activation = Activation::kNone;
  int64_t group = 1;
  int64_t pad = kSamePad;  // on all sides
  // Kernel of another width, pads of its own (top, left, bottom, right).
  int64_t kernel_width = 0;
  std::vector<int64_t> pads = {};
};

class NetworkBuilder {
 public:
  explicit NetworkBuilder(const NetworkOptions& options) : options_(options) {}

  int64_t size() const { return options_.size; }
  int64_t classes() const { return options_.classes; }
  // channels x width, as the MobileNet papers round: to a multiple of 8, at most 10 % down.
  int64_t Channels(int64_t channels) const { return RoundChannels(channels, options_.width); }
  static int64_t RoundChannels(int64_t channels, double factor);

  Value Input(const std::vector<int64_t>& shape);
  void Output(const Value& value);

  // Images [1, C, H, W].
  Value Conv(const Value& x, const ConvShape& shape);
  Value Pointwise(const Value& x, int64_t channels, Activation activation);  // 1x1
  Value Depthwise(const Value& x, int64_t kernel, int64_t stride, Activation activation);
  Value MaxPool(const Value& x, int64_t kernel, int64_t stride, int64_t pad = 0);
  Value GlobalAveragePool(const Value& x);
  Value Flatten(const Value& x);  // [1, C*H*W]

  // x [M, K] -> [M, channels] with bias.
  Value Linear(const Value& x, int64_t channels);
  // The same along the last axis of any rank.
  Value TokenLinear(const Value& x, int64_t channels, Activation activation);

  Value Activate(const Value& x, Activation activation);
  Value Sigmoid(const Value& x);
  Value Add(const Value& a, const Value& b) { return Binary("Add", a, b); }
  Value Mul(const Value& a, const Value& b) { return Binary("Mul", a, b); }
  Value MatMul(const Value& a, const Value& b);  // both computed
  Value Scale(const Value& x, float factor);
  Value Softmax(const Value& x, int64_t axis);
  Value LayerNorm(const Value& x);  // along the last axis
  Value Reshape(const Value& x, const std::vector<int64_t>& shape);
  Value Transpose(const Value& x, const std::vector<int64_t>& order);
  Value ReduceMean(const Value& x, int64_t axis);  // the axis goes away
  // A learned tensor, and elements of one along its last axis.
  Value Parameter(const std::string& kind, const std::vector<int64_t>& shape, double deviation);
  Value GatherLast(const Value& table, const std::vector<int64_t>& index_shape,
                   const std::vector<int64_t>& indices);

  std::string Finish(const std::string& name) const { return writer_.Finish(name); }
  int64_t weight_count() const { return weight_count_; }
  int64_t zero_count() const { return zero_count_; }
  int64_t mac_count() const { return mac_count_; }

 private:
  std::string Name(const std::string& kind);
  Value Emit(const std::string& op, const std::vector<std::string>& inputs,
             const std::vector<int64_t>& shape, const std::vector<OnnxAttribute>& attributes = {});
  Value Binary(const char* op, const Value& a, const Value& b);
  // [rows][columns], rows being output channels; pruned if so wanted. `gain` 2 before a ReLU.
  std::vector<float> Weights(const std::string& name, int64_t rows, int64_t columns, double gain,
                             bool prune);
  std::string Bias(const std::string& name, int64_t channels);
  // Quantised forms (quantized.cc).
  Value QuantizedInput(const std::vector<int64_t>& shape);
  Value QuantizedConv(const Value& x, const ConvShape& shape, const std::vector<int64_t>& pads,
                      const std::vector<int64_t>& result);
  Value QuantizedLinear(const Value& x, int64_t channels);
  Value Dequantize(const Value& x);
  Value Quantize(const Value& x, const Codes& codes);
  // Scale and zero point as two initialisers; returns their names.
  std::vector<std::string> CodeNames(const std::string& name, const Codes& codes);
  // Rows of weights as i8 with a scale each, and the bias in units of x_scale * scale.
  struct QuantizedWeights {
    std::vector<int8_t> codes;
    std::vector<float> scales;
    std::vector<int32_t> bias;
  };
  QuantizedWeights MakeQuantizedWeights(const std::string& name, int64_t rows, int64_t columns,
                                        double gain, bool prune, float x_scale);

  const NetworkOptions options_;
  OnnxWriter writer_;
  int64_t name_count_ = 0;
  int64_t weight_count_ = 0;
  int64_t zero_count_ = 0;
  int64_t mac_count_ = 0;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_NETWORK_BUILDER_H_
