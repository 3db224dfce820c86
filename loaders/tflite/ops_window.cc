// CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, pools, RESIZE_BILINEAR.
//
// f32 layers become conv2d and matmul; quantised ones conv2d_quantized with TFLite's fixed-point
// arithmetic, a fully connected layer as a convolution of single pixels.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/tflite/ops.h"

namespace kinglet {
namespace {

using Shape64 = std::vector<int64_t>;

struct Window {
  tflite::Padding padding = tflite::Padding_SAME;
  tflite::Activation activation = tflite::Activation_NONE;
  int64_t strides[2] = {0, 0};  // height, width
  int64_t dilations[2] = {1, 1};
  int64_t kernel[2] = {0, 0};
  Shape64 pads;  // top, left, bottom, right
  int64_t outputs[2] = {0, 0};
};

constexpr int64_t kLargestWindow = int64_t{1} << 24;

// Resolves padding for an image of height x width.
absl::Status Resolve(const TfliteOperator& op, const TfliteTranslator& translator, int64_t height,
                     int64_t width, Window* window) {
  const int64_t sizes[2] = {height, width};
  int64_t before[2], behind[2];
  for (int d = 0; d < 2; ++d) {
    for (const int64_t v : {window->strides[d], window->dilations[d], window->kernel[d]}) {
      if (v < 1 || v > kLargestWindow)
        return translator.Broken(
            op, absl::StrCat("strides, dilations and kernels from 1 to ", kLargestWindow),
            absl::StrCat(v));
    }
    const int64_t reach = (window->kernel[d] - 1) * window->dilations[d] + 1;
    int64_t total = 0;
    if (window->padding == tflite::Padding_SAME) {
      const int64_t outputs = (sizes[d] + window->strides[d] - 1) / window->strides[d];
      total = std::max<int64_t>(0, (outputs - 1) * window->strides[d] + reach - sizes[d]);
    }
    if (sizes[d] + total < reach)
      return translator.Broken(op, absl::StrCat("an image that a window of ", reach, " fits in"),
                               absl::StrCat(sizes[d]));
    before[d] = total / 2;
    behind[d] = total - before[d];
    window->outputs[d] = (sizes[d] + total - reach) / window->strides[d] + 1;
  }
  window->pads = {before[0], before[1], behind[0], behind[1]};
  return absl::OkStatus();
}

std::vector<GraphAttribute> WindowAttributes(const Window& window) {
  return {{"strides", Shape64{window.strides[0], window.strides[1]}}, {"pads", window.pads}};
}

// A layer's parameters as Kinglet's [M, C, KH, KW], from the file's order by `permutation`.
struct Layer {
  int32_t x = -1;
  int32_t w = -1;
  int32_t bias = -1;
  int32_t y = -1;
  Shape64 w_shape;
  Shape64 permutation;
};

absl::Status CheckBias(const TfliteOperator& op, const TfliteTranslator& translator, int32_t bias,
                       int64_t outputs, kl_dtype type) {
  if (bias < 0) return absl::OkStatus();
  const TfliteTensor& tensor = translator.tensor(bias);
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  if (tensor.type == type && count == outputs && tensor.data != nullptr) return absl::OkStatus();
  return translator.Broken(
      op, absl::StrCat("a constant bias of ", outputs, " ", kl_dtype_info_of(type).name),
      absl::StrCat(count, " ", kl_dtype_info_of(tensor.type).name));
}

// TFLite multiplies the scales of x and w in double, but in f32 where there is one scale for w and
// the operator is FULLY_CONNECTED or of u8.
bool MultipliesScalesInF32(const TfliteOperator& op, const TfliteTensor& x, const TfliteTensor& w) {
  return w.scales.size() == 1 && (op.code == 9 || x.type == KL_TYPE_U8);
}

absl::StatusOr<int32_t> EmitQuantised(const TfliteOperator& op, TfliteTranslator* translator,
                                      const Layer& layer, int32_t x_value,
                                      std::vector<GraphAttribute> attributes,
                                      tflite::Activation activation, Shape64 shape) {
  const TfliteTensor& x = translator->tensor(layer.x);
  const TfliteTensor& w = translator->tensor(layer.w);
  const TfliteTensor& y = translator->tensor(layer.y);
  const bool bytes = x.quantised() && y.quantised() && w.quantised() && x.type != KL_TYPE_I32 &&
                     y.type != KL_TYPE_I32 && w.type != KL_TYPE_I32;
  if (!bytes || x.scales.size() != 1 || y.scales.size() != 1 || w.data == nullptr ||
      (w.scales.size() != 1 && static_cast<int64_t>(w.scales.size()) != layer.w_shape[0])) {
    return translator->Unsupported(op, "a mixture of quantised and other operands");
  }
  KL_RETURN_IF_ERROR(CheckBias(op, *translator, layer.bias, layer.w_shape[0], KL_TYPE_I32));
  const int32_t w_value = translator->Constant(
      w.name, w.type, layer.w_shape, PermuteConstant(w.data, w.shape, layer.permutation, 1));
  int32_t bias = -1;
  if (layer.bias >= 0) {
    const TfliteTensor& from = translator->tensor(layer.bias);
    bias = translator->Constant(from.name, KL_TYPE_I32, {layer.w_shape[0]},
                                {from.data, from.data + from.bytes});
  }
  AppendTfliteClamp(y, activation, &attributes);
  attributes.push_back({"fixed_point", int64_t{1}});
  auto [x_scale, x_zero] = translator->Quantisation(layer.x);
  auto [w_scale, w_zero] = translator->Quantisation(layer.w);
  if (MultipliesScalesInF32(op, x, w)) {
    // The rounded product stands for x's scale.
    x_scale = translator->FloatConstant(op.name + "/scale", {x.scales[0] * w.scales[0]}, {});
    w_scale = translator->FloatConstant(op.name + "/one", {1.0f}, {});
  }
  const auto [y_scale, y_zero] = translator->Quantisation(layer.y);
  return translator->Emit(
      "conv2d_quantized", op.name, std::move(attributes),
      {x_value, x_scale, x_zero, w_value, w_scale, w_zero, y_scale, y_zero, bias}, y.type,
      std::move(shape));
}

absl::Status RequireOutputs(const TfliteOperator& op, const TfliteTranslator& translator,
                            size_t count) {
  if (op.outputs.size() == count) return absl::OkStatus();
  return translator.Broken(op, absl::StrCat(count, " outputs"), absl::StrCat(op.outputs.size()));
}

// Weights of a float layer, dequantised where they are quantised (or f16) beside float activations.
absl::StatusOr<int32_t> FloatWeights(const TfliteOperator& op, TfliteTranslator* translator,
                                     const Layer& layer) {
  const TfliteTensor& w = translator->tensor(layer.w);
  if (w.type == KL_TYPE_F32 && w.data != nullptr) {
    return translator->Constant(w.name, KL_TYPE_F32, layer.w_shape,
                                PermuteConstant(w.data, w.shape, layer.permutation, 4));
  }
  // The value is computed: a DEQUANTIZE of f16 weights, say.
  KL_ASSIGN_OR_RETURN(const int32_t value, translator->FloatValue(layer.w, TfliteOrder::kFile));
  if (w.shape.size() == 2)
    return translator->Emit("reshape", op.name, {}, {value}, KL_TYPE_F32, layer.w_shape);
  return translator->Emit("transpose", op.name, {{"permutation", layer.permutation}}, {value},
                          KL_TYPE_F32, layer.w_shape);
}

}  // namespace

KL_TFLITE_TRANSLATION(Conv) {
  KL_RETURN_IF_ERROR(RequireOutputs(op, *translator, 1));
  Layer layer;
  KL_ASSIGN_OR_RETURN(layer.x, translator->Input(op, 0));
  KL_ASSIGN_OR_RETURN(layer.w, translator->Input(op, 1));
  layer.bias = TfliteTranslator::OptionalInput(op, 2);
  layer.y = op.outputs[0];
  const TfliteTensor& x = translator->tensor(layer.x);
  const TfliteTensor& w = translator->tensor(layer.w);
  if (x.shape.size() != 4 || w.shape.size() != 4)
    return translator->Broken(op, "an image and weights of four dimensions", "others");
  const bool depthwise = op.code == 4;
  Window window;
  if (depthwise) {
    const auto* options = op.proto->options_as_DepthwiseConv2DOptions();
    if (options == nullptr) return translator->Broken(op, "its options", "none");
    window.padding = options->padding();
    window.activation = options->activation();
    window.strides[0] = options->stride_h(), window.strides[1] = options->stride_w();
    window.dilations[0] = options->dilation_h(), window.dilations[1] = options->dilation_w();
  } else {
    const auto* options = op.proto->options_as_Conv2DOptions();
    if (options == nullptr) return translator->Broken(op, "its options", "none");
    window.padding = options->padding();
    window.activation = options->activation();
    window.strides[0] = options->stride_h(), window.strides[1] = options->stride_w();
    window.dilations[0] = options->dilation_h(), window.dilations[1] = options->dilation_w();
  }
  window.kernel[0] = w.shape[1], window.kernel[1] = w.shape[2];
  // The file: [M, KH, KW, C / group], depthwise [1, KH, KW, M].
  layer.permutation = depthwise ? Shape64{3, 0, 1, 2} : Shape64{0, 3, 1, 2};
  for (const int64_t d : layer.permutation)
    layer.w_shape.push_back(w.shape[static_cast<size_t>(d)]);
  const int64_t channels = x.shape[3], outputs = layer.w_shape[0];
  const bool divides = layer.w_shape[1] > 0 && channels > 0 && channels % layer.w_shape[1] == 0;
  const int64_t group = depthwise ? channels : divides ? channels / layer.w_shape[1] : 0;
  if (group < 1 || outputs < 1 || outputs % group != 0 || (depthwise && layer.w_shape[1] != 1) ||
      channels != group * layer.w_shape[1]) {
    return translator->Broken(op, absl::StrCat("weights for ", channels, " channels"), "others");
  }
  KL_RETURN_IF_ERROR(Resolve(op, *translator, x.shape[1], x.shape[2], &window));
  const bool quantised = x.type == KL_TYPE_I8 || x.type == KL_TYPE_U8;
  std::vector<GraphAttribute> attributes = WindowAttributes(window);
  attributes.push_back({"dilations", Shape64{window.dilations[0], window.dilations[1]}});
  attributes.push_back({"group", group});
  const Shape64 shape = {x.shape[0], outputs, window.outputs[0], window.outputs[1]};
  KL_ASSIGN_OR_RETURN(const int32_t x_value,
                      quantised ? translator->Value(layer.x, TfliteOrder::kImage)
                                : translator->FloatValue(layer.x, TfliteOrder::kImage));
  if (quantised) {
    KL_ASSIGN_OR_RETURN(const int32_t y,
                        EmitQuantised(op, translator, layer, x_value, std::move(attributes),
                                      window.activation, shape));
    return translator->Define(op, layer.y, TfliteOrder::kImage, y);
  }
  KL_RETURN_IF_ERROR(CheckBias(op, *translator, layer.bias, outputs, KL_TYPE_F32));
  KL_ASSIGN_OR_RETURN(const int32_t w_value, FloatWeights(op, translator, layer));
  int32_t bias = -1;
  if (layer.bias >= 0) {
    const TfliteTensor& from = translator->tensor(layer.bias);
    bias = translator->Constant(from.name, KL_TYPE_F32, {outputs},
                                {from.data, from.data + from.bytes});
  }
  const auto [low, high] = TfliteClamp(window.activation);
  attributes.push_back({"minimum", low});
  attributes.push_back({"maximum", high});
  const int32_t y = translator->Emit("conv2d", op.name, std::move(attributes),
                                     {x_value, w_value, bias}, KL_TYPE_F32, shape);
  const bool fused = window.activation != tflite::Activation_TANH &&
                     window.activation != tflite::Activation_SIGN_BIT;
  return translator->DefineFloat(op, layer.y, TfliteOrder::kImage, y,
                                 fused ? tflite::Activation_NONE : window.activation);
}

KL_TFLITE_TRANSLATION(FullyConnected) {
  KL_RETURN_IF_ERROR(RequireOutputs(op, *translator, 1));
  Layer layer;
  KL_ASSIGN_OR_RETURN(layer.x, translator->Input(op, 0));
  KL_ASSIGN_OR_RETURN(layer.w, translator->Input(op, 1));
  layer.bias = TfliteTranslator::OptionalInput(op, 2);
  layer.y = op.outputs[0];
  const auto* options = op.proto->options_as_FullyConnectedOptions();
  if (options == nullptr) return translator->Broken(op, "its options", "none");
  if (options->weights_format() != 0)
    return translator->Unsupported(op, "a shuffled weight format");
  const TfliteTensor& x = translator->tensor(layer.x);
  const TfliteTensor& w = translator->tensor(layer.w);
  if (w.shape.size() != 2 || w.shape[0] < 1 || w.shape[1] < 1)
    return translator->Broken(op, "weights [M, K]", "others");
  const int64_t outputs = w.shape[0], depth = w.shape[1];
  int64_t count = 1;
  for (const int64_t size : x.shape) count *= size;
  if (count % depth != 0)
    return translator->Broken(op, absl::StrCat("rows of ", depth),
                              absl::StrCat(count, " elements"));
  const int64_t rows = count / depth;
  if (x.type == KL_TYPE_I8 || x.type == KL_TYPE_U8) {
    layer.w_shape = {outputs, depth, 1, 1};
    layer.permutation = {0, 1};
    KL_ASSIGN_OR_RETURN(const int32_t from, translator->Value(layer.x, TfliteOrder::kFile));
    const int32_t pixels =
        translator->Emit("reshape", op.name, {}, {from}, x.type, {rows, depth, 1, 1});
    const std::vector<GraphAttribute> attributes = {{"strides", Shape64{1, 1}},
                                                    {"pads", Shape64{0, 0, 0, 0}},
                                                    {"dilations", Shape64{1, 1}},
                                                    {"group", int64_t{1}}};
    KL_ASSIGN_OR_RETURN(const int32_t y,
                        EmitQuantised(op, translator, layer, pixels, attributes,
                                      options->activation(), {rows, outputs, 1, 1}));
    const TfliteTensor& to = translator->tensor(layer.y);
    int64_t to_count = 1;
    for (const int64_t size : to.shape) to_count *= size;
    if (to_count != rows * outputs)
      return translator->Broken(op, absl::StrCat(rows * outputs, " outputs"),
                                absl::StrCat(to_count));
    return translator->Define(op, layer.y, TfliteOrder::kFile,
                              translator->Emit("reshape", op.name, {}, {y}, to.type, to.shape));
  }
  layer.w_shape = w.shape;
  layer.permutation = {0, 1};
  KL_RETURN_IF_ERROR(CheckBias(op, *translator, layer.bias, outputs, KL_TYPE_F32));
  KL_ASSIGN_OR_RETURN(int32_t from, translator->FloatValue(layer.x, TfliteOrder::kFile));
  if (x.shape != Shape64{rows, depth})
    from = translator->Emit("reshape", op.name, {}, {from}, KL_TYPE_F32, {rows, depth});
  KL_ASSIGN_OR_RETURN(const int32_t w_value, FloatWeights(op, translator, layer));
  int32_t bias = -1;
  if (layer.bias >= 0) {
    const TfliteTensor& b = translator->tensor(layer.bias);
    bias = translator->Constant(b.name, KL_TYPE_F32, {outputs}, {b.data, b.data + b.bytes});
  }
  int32_t y = translator->Emit("gemm", op.name, {{"transpose_b", int64_t{1}}},
                               {from, w_value, bias}, KL_TYPE_F32, {rows, outputs});
  const Shape64& wanted = translator->tensor(layer.y).shape;
  int64_t wanted_count = 1;
  for (const int64_t size : wanted) wanted_count *= size;
  if (wanted_count != rows * outputs)
    return translator->Broken(op, absl::StrCat(rows * outputs, " outputs"),
                              absl::StrCat(wanted_count));
  if (wanted != Shape64{rows, outputs})
    y = translator->Emit("reshape", op.name, {}, {y}, KL_TYPE_F32, wanted);
  return translator->DefineFloat(op, layer.y, TfliteOrder::kFile, y, options->activation());
}

KL_TFLITE_TRANSLATION(Pool) {
  KL_RETURN_IF_ERROR(RequireOutputs(op, *translator, 1));
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(op, 0));
  const auto* options = op.proto->options_as_Pool2DOptions();
  if (options == nullptr) return translator->Broken(op, "its options", "none");
  const TfliteTensor& from = translator->tensor(x);
  if (from.shape.size() != 4) return translator->Broken(op, "an image", "another shape");
  Window window;
  window.padding = options->padding();
  window.strides[0] = options->stride_h(), window.strides[1] = options->stride_w();
  window.kernel[0] = options->filter_height(), window.kernel[1] = options->filter_width();
  KL_RETURN_IF_ERROR(Resolve(op, *translator, from.shape[1], from.shape[2], &window));
  std::vector<GraphAttribute> attributes = WindowAttributes(window);
  attributes.push_back({"kernel", Shape64{window.kernel[0], window.kernel[1]}});
  const Shape64 shape = {from.shape[0], from.shape[3], window.outputs[0], window.outputs[1]};
  const bool max = op.code == 17;
  if (max) attributes.push_back({"dilations", Shape64{1, 1}});
  const bool codes = translator->SameCodes(x, op.outputs[0]);
  const bool clamps = options->activation() != tflite::Activation_TANH &&
                      options->activation() != tflite::Activation_SIGN_BIT;
  if (codes && (max ? options->activation() == tflite::Activation_NONE : clamps)) {
    if (!max) AppendTfliteClamp(from, options->activation(), &attributes);
    KL_ASSIGN_OR_RETURN(const int32_t value, translator->Value(x, TfliteOrder::kImage));
    return translator->Define(op, op.outputs[0], TfliteOrder::kImage,
                              translator->Emit(max ? "max_pool2d" : "average_pool2d", op.name,
                                               std::move(attributes), {value}, from.type, shape));
  }
  KL_ASSIGN_OR_RETURN(const int32_t value, translator->FloatValue(x, TfliteOrder::kImage));
  const int32_t y = translator->Emit(max ? "max_pool2d" : "average_pool2d", op.name,
                                     std::move(attributes), {value}, KL_TYPE_F32, shape);
  return translator->DefineFloat(op, op.outputs[0], TfliteOrder::kImage, y, options->activation());
}

KL_TFLITE_TRANSLATION(Resize) {
  KL_RETURN_IF_ERROR(RequireOutputs(op, *translator, 1));
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(op, 0));
  const auto* options = op.proto->options_as_ResizeBilinearOptions();
  if (options == nullptr) return translator->Broken(op, "its options", "none");
  if (translator->tensor(x).shape.size() != 4 ||
      translator->tensor(op.outputs[0]).shape.size() != 4)
    return translator->Broken(op, "an image", "another shape");
  const bool codes = translator->SameCodes(x, op.outputs[0]);
  KL_ASSIGN_OR_RETURN(const int32_t value, codes ? translator->Value(x, TfliteOrder::kImage)
                                                 : translator->FloatValue(x, TfliteOrder::kImage));
  const std::string coordinate = options->align_corners()        ? "align_corners"
                                 : options->half_pixel_centers() ? "half_pixel"
                                                                 : "asymmetric";
  const int32_t y = translator->Emit(
      "resize", op.name, {{"mode", std::string("linear")}, {"coordinate", coordinate}}, {value},
      codes ? translator->tensor(x).type : kl_dtype{KL_TYPE_F32},
      translator->Shape(op.outputs[0], TfliteOrder::kImage));
  if (codes) return translator->Define(op, op.outputs[0], TfliteOrder::kImage, y);
  return translator->DefineFloat(op, op.outputs[0], TfliteOrder::kImage, y);
}

}  // namespace kinglet
