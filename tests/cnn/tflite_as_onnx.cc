#include "tests/cnn/tflite_as_onnx.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "loaders/onnx/onnx_test_builder.h"

namespace kinglet {
namespace {

using Shape = std::vector<int64_t>;
constexpr int kFloat = onnx::TensorProto::FLOAT, kInt8 = onnx::TensorProto::INT8,
              kInt32 = onnx::TensorProto::INT32;

class Converter {
 public:
  explicit Converter(const tflite::ModelT& model) : model_(model), graph_(*model.subgraphs[0]) {}

  std::string Convert() {
    for (const int32_t input : graph_.inputs) {
      const std::string name = "input" + std::to_string(input);
      onnx_.Input(name, ShapeOf(input), IsFloat(input) ? kFloat : kInt8);
      Move(name, input, {0, 3, 1, 2}, Name(input));
    }
    for (const auto& op : graph_.operators) Translate(*op);
    for (const int32_t output : graph_.outputs) {
      const std::string name = "output" + std::to_string(output);
      Move(Name(output), output, {0, 2, 3, 1}, name);
      onnx_.Output(name);
    }
    return onnx_.Bytes();
  }

 private:
  const tflite::TensorT& Tensor(int32_t index) const {
    return *graph_.tensors[static_cast<size_t>(index)];
  }
  bool IsFloat(int32_t index) const { return Tensor(index).type == tflite::TensorType_FLOAT32; }
  Shape ShapeOf(int32_t index) const {
    return Shape(Tensor(index).shape.begin(), Tensor(index).shape.end());
  }
  static std::string Name(int32_t index) { return "t" + std::to_string(index); }
  std::string Fresh() { return "v" + std::to_string(fresh_++); }

  void Transpose(const std::string& from, const std::string& to, const Shape& permutation) {
    onnx_.Node("Transpose", {from}, to).Attribute("perm", permutation);
  }
  // Tensor `index`, transposed if it is an image.
  void Move(const std::string& from, int32_t index, const Shape& permutation,
            const std::string& to) {
    if (ShapeOf(index).size() == 4) return Transpose(from, to, permutation);
    onnx_.Node("Identity", {from}, to);
  }

  std::string Constant(const Shape& shape, int type, const void* data, size_t bytes) {
    const std::string name = Fresh();
    onnx_.Tensor(name, shape, type)
        ->set_raw_data(std::string(static_cast<const char*>(data), bytes));
    return name;
  }
  std::string Code(int64_t code) {
    const int8_t narrow = static_cast<int8_t>(code);
    return Constant({}, kInt8, &narrow, 1);
  }
  std::string Float(float value) { return Constant({}, kFloat, &value, sizeof value); }

  // Scales and zero points, as inputs that follow a tensor of codes.
  std::string Scales(int32_t index) {
    const std::vector<float>& scale = Tensor(index).quantization->scale;
    return Constant(scale.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(scale.size())}, kFloat,
                    scale.data(), scale.size() * sizeof(float));
  }
  std::string Zeros(int32_t index) {
    const std::vector<int64_t>& zeros = Tensor(index).quantization->zero_point;
    const std::vector<int8_t> narrow(zeros.begin(), zeros.end());
    return Constant(narrow.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(narrow.size())},
                    kInt8, narrow.data(), narrow.size());
  }

  // A constant of the file with its dimensions in another order.
  std::string Permuted(int32_t index, const Shape& permutation, const Shape& to) {
    const Shape from = ShapeOf(index);
    const std::vector<uint8_t>& data = model_.buffers[Tensor(index).buffer]->data;
    int64_t count = 1;
    for (const int64_t size : from) count *= size;
    const size_t bytes = data.size() / static_cast<size_t>(count);
    std::vector<uint8_t> result;
    for (int64_t i = 0; i < count; ++i) {
      // Coordinates of element i of the result, then its place in the file.
      Shape place(from.size());
      int64_t rest = i;
      for (size_t d = from.size(); d-- > 0;) {
        const size_t axis = static_cast<size_t>(permutation[d]);
        place[axis] = rest % from[axis];
        rest /= from[axis];
      }
      int64_t at = 0;
      for (size_t d = 0; d < from.size(); ++d) at = at * from[d] + place[d];
      const uint8_t* element = data.data() + static_cast<size_t>(at) * bytes;
      result.insert(result.end(), element, element + bytes);
    }
    return Constant(to, IsFloat(index) ? kFloat : kInt8, result.data(), result.size());
  }
  std::string Bias(const tflite::OperatorT& op) {
    if (op.inputs.size() < 3 || op.inputs[2] < 0) return "";
    const std::vector<uint8_t>& data = model_.buffers[Tensor(op.inputs[2]).buffer]->data;
    return Constant({static_cast<int64_t>(data.size() / 4)},
                    IsFloat(op.inputs[2]) ? kFloat : kInt32, data.data(), data.size());
  }

  // `from` within the activation, as tensor y.
  void Activate(const std::string& from, tflite::Activation activation, int32_t y) {
    const bool six = activation == tflite::Activation_RELU6;
    if (IsFloat(y) && activation == tflite::Activation_RELU) {
      onnx_.Node("Relu", {from}, Name(y));
    } else if (IsFloat(y) && six) {
      onnx_.Node("Clip", {from, Float(0.0f), Float(6.0f)}, Name(y));
    } else if (activation == tflite::Activation_NONE) {
      onnx_.Node("Identity", {from}, Name(y));
    } else {
      ASSERT_TRUE(six || activation == tflite::Activation_RELU) << activation;
      const int64_t zero = Tensor(y).quantization->zero_point[0];
      const int64_t top = zero + std::llround(6.0f / Tensor(y).quantization->scale[0]);
      onnx_.Node("Clip", {from, Code(zero), Code(six && top < 127 ? top : 127)}, Name(y));
    }
  }

  std::string Dequantised(int32_t index) {
    const std::string real = Fresh();
    onnx_.Node("DequantizeLinear", {Name(index), Scales(index), Zeros(index)}, real);
    return real;
  }

  // An operator of f32; of codes between a dequantisation and a quantisation. The last node that
  // `emit`(inputs, output) adds is the operator.
  template <typename Emit>
  void Real(const std::vector<int32_t>& inputs, int32_t y, tflite::Activation activation,
            Emit emit) {
    std::vector<std::string> names;
    for (const int32_t input : inputs)
      names.push_back(IsFloat(input) ? Name(input) : Dequantised(input));
    const std::string real = Fresh();
    emit(names, real);
    if (IsFloat(y)) return Activate(real, activation, y);
    const std::string codes = Fresh();
    onnx_.Node("QuantizeLinear", {real, Scales(y), Zeros(y)}, codes);
    Activate(codes, activation, y);
  }

  template <typename Options>
  void Window(const Options& options) {
    onnx_.Attribute("strides", Shape{options.stride_h, options.stride_w})
        .Attribute("auto_pad", options.padding == tflite::Padding_SAME ? "SAME_UPPER" : "VALID");
  }

  void Convolution(const tflite::OperatorT& op, const std::string& weights, const std::string& x,
                   const std::string& y) {
    std::vector<std::string> inputs = {x, weights};
    if (!IsFloat(op.inputs[0])) {
      inputs = {x,
                Scales(op.inputs[0]),
                Zeros(op.inputs[0]),
                weights,
                Scales(op.inputs[1]),
                Zeros(op.inputs[1]),
                Scales(op.outputs[0]),
                Zeros(op.outputs[0])};
    }
    const std::string bias = Bias(op);
    if (!bias.empty()) inputs.push_back(bias);
    onnx_.Node(IsFloat(op.inputs[0]) ? "Conv" : "QLinearConv", inputs, y);
  }

  void Dense(const tflite::OperatorT& op) {
    const tflite::Conv2DOptionsT& options = *op.options.AsConv2DOptions();
    const Shape w = ShapeOf(op.inputs[1]);
    const std::string y = Fresh();
    Convolution(op, Permuted(op.inputs[1], {0, 3, 1, 2}, {w[0], w[3], w[1], w[2]}),
                Name(op.inputs[0]), y);
    Window(options);
    Activate(y, options.activation, op.outputs[0]);
  }

  void Depthwise(const tflite::OperatorT& op) {
    const tflite::DepthwiseConv2DOptionsT& options = *op.options.AsDepthwiseConv2DOptions();
    const Shape w = ShapeOf(op.inputs[1]);
    const std::string y = Fresh();
    Convolution(op, Permuted(op.inputs[1], {3, 0, 1, 2}, {w[3], 1, w[1], w[2]}), Name(op.inputs[0]),
                y);
    Window(options);
    onnx_.Attribute("group", ShapeOf(op.inputs[0])[3]);
    Activate(y, options.activation, op.outputs[0]);
  }

  // As a convolution of one pixel.
  void FullyConnected(const tflite::OperatorT& op) {
    const Shape w = ShapeOf(op.inputs[1]);
    const std::string pixel = Fresh(), y = Fresh();
    Reshape(Name(op.inputs[0]), {-1, w[1], 1, 1}, pixel);
    Convolution(op, Permuted(op.inputs[1], {0, 1}, {w[0], w[1], 1, 1}), pixel, y);
    const std::string row = Fresh();
    Reshape(y, ShapeOf(op.outputs[0]), row);
    Activate(row, op.options.AsFullyConnectedOptions()->activation, op.outputs[0]);
  }

  void Reshape(const std::string& from, const Shape& shape, const std::string& to) {
    const std::string wanted = Fresh();
    onnx_.Ints(wanted, shape).Node("Reshape", {from, wanted}, to);
  }

  void Flatten(const tflite::OperatorT& op) {
    std::string from = Name(op.inputs[0]);
    if (ShapeOf(op.inputs[0]).size() == 4) {
      from = Fresh();
      Transpose(Name(op.inputs[0]), from, {0, 2, 3, 1});
    }
    Reshape(from, ShapeOf(op.outputs[0]), Name(op.outputs[0]));
  }

  void Translate(const tflite::OperatorT& op) {
    const tflite::OperatorCodeT& code = *model_.operator_codes[op.opcode_index];
    switch (std::max<int>(code.builtin_code, code.deprecated_builtin_code)) {
      case 0:
        return Real({op.inputs[0], op.inputs[1]}, op.outputs[0], op.options.AsAdd()->activation,
                    [&](const std::vector<std::string>& inputs, const std::string& y) {
                      onnx_.Node("Add", inputs, y);
                    });
      case 1: {
        const tflite::Pool2DOptionsT& options = *op.options.AsPool2DOptions();
        return Real({op.inputs[0]}, op.outputs[0], options.activation,
                    [&](const std::vector<std::string>& inputs, const std::string& y) {
                      onnx_.Node("AveragePool", inputs, y)
                          .Attribute("kernel_shape",
                                     Shape{options.filter_height, options.filter_width});
                      Window(options);
                    });
      }
      case 3:
        return Dense(op);
      case 4:
        return Depthwise(op);
      case 9:
        return FullyConnected(op);
      case 22:
      case 43:
        return Flatten(op);
      case 25:
        return Real({op.inputs[0]}, op.outputs[0], tflite::Activation_NONE,
                    [&](const std::vector<std::string>& inputs, const std::string& y) {
                      onnx_.Node("Softmax", inputs, y).Attribute("axis", int64_t{-1});
                    });
      default:
        ADD_FAILURE() << "operator " << code.builtin_code << " has no conversion here";
    }
  }

  const tflite::ModelT& model_;
  const tflite::SubGraphT& graph_;
  OnnxBuilder onnx_;
  int fresh_ = 0;
};

}  // namespace

std::string TfliteAsOnnx(const tflite::ModelT& model) { return Converter(model).Convert(); }

}  // namespace kinglet
