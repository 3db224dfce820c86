// Conv, AveragePool, MaxPool, and Pad, which may become part of them.
#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

// What ONNX says about a sliding window, over height (0) and width (1).
struct OnnxWindow {
  OnnxShape kernel;
  OnnxShape strides;
  OnnxShape dilations;
  OnnxShape pads;  // top, left, bottom, right
  int64_t output[2] = {0, 0};
};

constexpr int64_t kLargestWindow = int64_t{1} << 24;

absl::Status CheckRange(const OnnxNode& node, absl::string_view name, const OnnxShape& values,
                        int64_t low) {
  for (const int64_t value : values) {
    if (value < low || value > kLargestWindow) {
      return node.Broken(absl::StrCat(name, " from ", low, " to ", kLargestWindow),
                         absl::StrCat(value));
    }
  }
  return absl::OkStatus();
}

// Numbers of a sequence [N, C, L] as those of an image [N, C, 1, L].
OnnxShape WithHeight(const OnnxShape& numbers, int64_t for_height) {
  if (numbers.size() == 1) return {for_height, numbers[0]};
  return {for_height, numbers[0], for_height, numbers[1]};
}
OnnxShape ImageShape(const OnnxShape& shape) {
  return shape.size() == 3 ? OnnxShape{shape[0], shape[1], 1, shape[2]} : shape;
}

// Reads strides, dilations and pads; resolves auto_pad and ceil_mode for an input of `shape`, an
// image or (`dimensions` = 1) a sequence seen as one. The kernel is that of an image.
absl::StatusOr<OnnxWindow> ReadWindow(const OnnxNode& node, const OnnxShape& shape,
                                      const int64_t* outer_pads, OnnxShape kernel, int dimensions) {
  OnnxWindow window;
  window.kernel = std::move(kernel);
  KL_ASSIGN_OR_RETURN(window.strides, node.Ints("strides", dimensions, 1));
  KL_ASSIGN_OR_RETURN(window.dilations, node.Ints("dilations", dimensions, 1));
  KL_ASSIGN_OR_RETURN(window.pads, node.Ints("pads", 2 * dimensions, 0));
  if (dimensions == 1) {
    window.strides = WithHeight(window.strides, 1);
    window.dilations = WithHeight(window.dilations, 1);
    window.pads = WithHeight(window.pads, 0);
  }
  KL_ASSIGN_OR_RETURN(const std::string auto_pad, node.String("auto_pad", "NOTSET"));
  KL_ASSIGN_OR_RETURN(const int64_t ceil_mode, node.Int("ceil_mode", 0));
  KL_RETURN_IF_ERROR(CheckRange(node, "kernel_shape", window.kernel, 1));
  KL_RETURN_IF_ERROR(CheckRange(node, "strides", window.strides, 1));
  KL_RETURN_IF_ERROR(CheckRange(node, "dilations", window.dilations, 1));
  KL_RETURN_IF_ERROR(CheckRange(node, "pads", window.pads, 0));
  const bool same_upper = auto_pad == "SAME_UPPER", same_lower = auto_pad == "SAME_LOWER";
  if (!same_upper && !same_lower && auto_pad != "NOTSET" && auto_pad != "VALID") {
    return node.Broken("auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER", auto_pad);
  }
  for (size_t d = 0; d < 2; ++d) {
    const int64_t stride = window.strides[d];
    const int64_t reach = (window.kernel[d] - 1) * window.dilations[d] + 1;
    const int64_t size = shape[2 + d] + outer_pads[d] + outer_pads[d + 2];
    if (same_upper || same_lower) {
      const int64_t outputs = (size + stride - 1) / stride;
      const int64_t total = std::max<int64_t>(0, (outputs - 1) * stride + reach - size);
      window.pads[d] = same_upper ? total / 2 : total - total / 2;
      window.pads[d + 2] = total - window.pads[d];
    } else if (auto_pad == "VALID") {
      window.pads[d] = window.pads[d + 2] = 0;
    }
    const int64_t room = size + window.pads[d] + window.pads[d + 2] - reach;
    if (room < 0) {
      return node.Broken(absl::StrCat("an input that a window of ", reach, " fits in"),
                         absl::StrCat(size, " elements and pads of ", window.pads[d], " and ",
                                      window.pads[d + 2]));
    }
    window.output[d] = room / stride + 1;
    if (ceil_mode != 0 && room % stride != 0) {
      // One more window, unless it would begin in the padding behind the input.
      const int64_t begin = window.output[d] * stride - window.pads[d];
      if (begin < size) ++window.output[d];
    }
    window.pads[d] += outer_pads[d];
    window.pads[d + 2] += outer_pads[d + 2];
  }
  return window;
}

std::vector<GraphAttribute> PoolAttributes(const OnnxWindow& window) {
  return {{"kernel", window.kernel}, {"strides", window.strides}, {"pads", window.pads}};
}

absl::StatusOr<int> Dimensions(const OnnxNode& node, const OnnxShape& shape) {
  if (shape.size() == 3 || shape.size() == 4) return static_cast<int>(shape.size()) - 2;
  return node.Unsupported(absl::StrCat("its input has ", shape.size(),
                                       " dimensions, only images [N, C, H, W] and sequences "
                                       "[N, C, L] are supported"));
}

absl::StatusOr<OnnxWindow> ReadPool(const OnnxNode& node, const OnnxShape& shape,
                                    const int64_t* outer_pads) {
  KL_ASSIGN_OR_RETURN(const int dimensions, Dimensions(node, shape));
  if (!node.Has("kernel_shape")) return node.Broken("attribute kernel_shape", "none");
  KL_ASSIGN_OR_RETURN(OnnxShape kernel, node.Ints("kernel_shape", dimensions, 1));
  if (dimensions == 1) kernel = WithHeight(kernel, 1);
  return ReadWindow(node, ImageShape(shape), outer_pads, std::move(kernel), dimensions);
}

// Checks groups and weights and reads the window. `y` gets the result's shape, that of an image.
absl::StatusOr<OnnxWindow> ReadConvolution(const OnnxNode& node, const OnnxShape& x,
                                           const OnnxShape& w, const int64_t* outer_pads,
                                           int64_t* group, OnnxShape* y) {
  KL_ASSIGN_OR_RETURN(const int dimensions, Dimensions(node, x));
  if (w.size() != x.size())
    return node.Broken("weights [M, C/group, KH, KW], as many dimensions as the input",
                       absl::StrCat(w.size(), " dimensions"));
  KL_ASSIGN_OR_RETURN(*group, node.Int("group", 1));
  if (*group < 1 || w[1] != x[1] / *group || x[1] % *group != 0 || w[0] % *group != 0 || w[0] < 1) {
    return node.Broken(absl::StrCat("channels that ", *group, " groups divide, ", w[1], " in each"),
                       absl::StrCat(x[1], " in, ", w[0], " out"));
  }
  OnnxShape kernel(w.begin() + 2, w.end());
  if (node.Has("kernel_shape")) {
    KL_ASSIGN_OR_RETURN(const OnnxShape stated, node.Ints("kernel_shape", dimensions, 1));
    if (stated != kernel) return node.Broken("kernel_shape as the weights have it", "another");
  }
  if (dimensions == 1) kernel = WithHeight(kernel, 1);
  KL_ASSIGN_OR_RETURN(OnnxWindow window,
                      ReadWindow(node, ImageShape(x), outer_pads, std::move(kernel), dimensions));
  *y = {x[0], w[0], window.output[0], window.output[1]};
  return window;
}

constexpr int64_t kNoPads[4] = {0, 0, 0, 0};

std::vector<GraphAttribute> ConvolutionAttributes(const OnnxWindow& window, int64_t group) {
  return {{"strides", window.strides},
          {"pads", window.pads},
          {"dilations", window.dilations},
          {"group", group}};
}

// Emits a node over images; a sequence goes in and comes out through views.
absl::Status EmitWindow(const OnnxNode& node, OnnxTranslator* translator, absl::string_view op,
                        std::vector<GraphAttribute> attributes, std::vector<int32_t> operands,
                        bool sequence, OnnxShape shape) {
  if (!sequence) {
    return translator->Emit(node, op, std::move(attributes), std::move(operands), KL_TYPE_F32,
                            std::move(shape));
  }
  for (int32_t& operand : operands) {
    if (operand == kNoOnnxValue || translator->value(operand).shape.size() != 3) continue;
    OnnxShape image = ImageShape(translator->value(operand).shape);
    const OnnxValue& from = translator->value(operand);
    if (from.constant != nullptr) {
      OnnxConstant constant = *from.constant;
      constant.shape = image;
      operand = translator->AddConstant(absl::StrCat(from.name, "/image"), std::move(constant));
    } else {
      KL_ASSIGN_OR_RETURN(operand, translator->EmitInner(node, "reshape", {}, {operand}, image));
    }
  }
  KL_ASSIGN_OR_RETURN(const int32_t image, translator->EmitInner(node, op, std::move(attributes),
                                                                 std::move(operands), shape));
  return translator->Emit(node, "reshape", {}, {image}, KL_TYPE_F32,
                          {shape[0], shape[1], shape[3]});
}

}  // namespace

absl::StatusOr<std::vector<GraphAttribute>> ReadOnnxConvolution(const OnnxNode& node,
                                                                const OnnxShape& x,
                                                                const OnnxShape& w, OnnxShape* y) {
  if (x.size() != 4) return node.Unsupported("8-bit convolutions of other than images");
  int64_t group = 1;
  KL_ASSIGN_OR_RETURN(const OnnxWindow window, ReadConvolution(node, x, w, kNoPads, &group, y));
  return ConvolutionAttributes(window, group);
}

KL_ONNX_TRANSLATION(Conv) {
  KL_ASSIGN_OR_RETURN(const OnnxPadding x, translator->PaddedInput(node, 0));
  KL_ASSIGN_OR_RETURN(const int32_t w, translator->FloatInput(node, 1));
  int32_t bias = kNoOnnxValue;
  if (node.HasInput(2)) {
    KL_ASSIGN_OR_RETURN(bias, translator->FloatInput(node, 2));
  }
  const OnnxShape x_shape = translator->value(x.value).shape;
  OnnxShape shape;
  int64_t group = 1;
  KL_ASSIGN_OR_RETURN(
      const OnnxWindow window,
      ReadConvolution(node, x_shape, translator->value(w).shape, x.pads, &group, &shape));
  if (bias != kNoOnnxValue && translator->value(bias).shape != OnnxShape{shape[1]}) {
    return node.Broken(absl::StrCat("a bias of ", shape[1], " elements"), "another shape");
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<GraphAttribute> attributes = ConvolutionAttributes(window, group);
  attributes.push_back({"minimum", -kInfinity});
  attributes.push_back({"maximum", kInfinity});
  return EmitWindow(node, translator, "conv2d", std::move(attributes), {x.value, w, bias},
                    x_shape.size() == 3, std::move(shape));
}

KL_ONNX_TRANSLATION(AveragePool) {
  KL_ASSIGN_OR_RETURN(const OnnxPadding x, translator->PaddedInput(node, 0));
  const OnnxShape& shape = translator->value(x.value).shape;
  KL_ASSIGN_OR_RETURN(const OnnxWindow window, ReadPool(node, shape, x.pads));
  KL_ASSIGN_OR_RETURN(int64_t count_include_pad, node.Int("count_include_pad", 0));
  if (window.dilations != OnnxShape{1, 1}) return node.Unsupported("dilated averages");
  const bool outer = std::any_of(x.pads, x.pads + 4, [](int64_t pad) { return pad != 0; });
  if (outer) {
    // Zeros of a Pad node are elements and count; the window's own padding then has to count too.
    const bool inner = !std::equal(x.pads, x.pads + 4, window.pads.begin());
    if (inner && count_include_pad == 0) {
      return node.Unsupported("padding by Pad that counts and padding of its own that does not");
    }
    count_include_pad = 1;
  }
  std::vector<GraphAttribute> attributes = PoolAttributes(window);
  attributes.push_back({"count_include_pad", int64_t{count_include_pad != 0 ? 1 : 0}});
  return EmitWindow(node, translator, "average_pool2d", std::move(attributes), {x.value},
                    shape.size() == 3, {shape[0], shape[1], window.output[0], window.output[1]});
}

KL_ONNX_TRANSLATION(MaxPool) {
  KL_ASSIGN_OR_RETURN(int32_t x, translator->Input(node, 0));
  const kl_dtype type = translator->value(x).type;
  const bool codes = type == KL_TYPE_I8 || type == KL_TYPE_U8;
  if (!codes) {
    KL_ASSIGN_OR_RETURN(x, translator->FloatInput(node, 0));
  }
  const OnnxShape shape = translator->value(x).shape;
  KL_ASSIGN_OR_RETURN(const int64_t order, node.Int("storage_order", 0));
  if (order != 0) return node.Unsupported("storage_order 1");
  KL_ASSIGN_OR_RETURN(const OnnxWindow window, ReadPool(node, shape, kNoPads));
  std::vector<GraphAttribute> attributes = PoolAttributes(window);
  attributes.push_back({"dilations", window.dilations});
  const OnnxShape pooled = {shape[0], shape[1], window.output[0], window.output[1]};
  if (codes && shape.size() == 4)
    return translator->Emit(node, "max_pool2d", std::move(attributes), {x}, type, pooled);
  if (codes) return node.Unsupported("8-bit sequences");
  return EmitWindow(node, translator, "max_pool2d", std::move(attributes), {x}, shape.size() == 3,
                    pooled);
}

namespace {

struct Padding {
  OnnxShape pads;  // first of each dimension, then behind each
  OnnxShape axes;  // of an operand with pads; empty: they are known
  int32_t value = kNoOnnxValue;
  bool zero = true;  // what is added is certainly 0
};

absl::StatusOr<Padding> ReadPadding(const OnnxNode& node, OnnxTranslator* translator, size_t rank) {
  Padding padding;
  padding.pads.assign(2 * rank, 0);
  OnnxShape listed, axes;
  for (size_t d = 0; d < rank; ++d) axes.push_back(static_cast<int64_t>(d));
  if (translator->opset() < 11) {
    KL_ASSIGN_OR_RETURN(listed, node.Ints("pads", -1, 0));
    KL_ASSIGN_OR_RETURN(const double fill, node.Float("value", 0.0));
    padding.zero = fill == 0.0;
    if (!padding.zero) {
      padding.value = translator->AddConstant(absl::StrCat(node.name(), "/value"),
                                              RealConstant(KL_TYPE_F32, {}, {fill}));
    }
  } else {
    if (node.HasInput(2)) {
      KL_ASSIGN_OR_RETURN(padding.value, translator->Input(node, 2));
      const OnnxConstant* value = translator->value(padding.value).constant.get();
      if (ElementCount(translator->value(padding.value).shape) != 1)
        return node.Broken("a fill value of one element", "another");
      padding.zero = value != nullptr && Reals(*value)[0] == 0.0;
    }
    if (node.HasInput(3)) {
      KL_ASSIGN_OR_RETURN(axes, translator->ConstantInts(node, 3));
      for (int64_t& axis : axes) {
        KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, static_cast<int64_t>(rank)));
      }
    }
    if (!translator->IsConstantInput(node, 1)) {
      padding.axes = axes;
      return padding;
    }
    KL_ASSIGN_OR_RETURN(listed, translator->ConstantInts(node, 1));
  }
  if (listed.size() != 2 * axes.size())
    return node.Broken(absl::StrCat(2 * axes.size(), " pads"), absl::StrCat(listed.size()));
  for (size_t i = 0; i < axes.size(); ++i) {
    padding.pads[static_cast<size_t>(axes[i])] = listed[i];
    padding.pads[rank + static_cast<size_t>(axes[i])] = listed[axes.size() + i];
  }
  return padding;
}

// Zeros around height and width of an f32 image: a Conv or AveragePool can take them.
bool FitsWindow(const OnnxValue& x, const Padding& padding, const std::string& mode) {
  if (mode != "constant" || !padding.zero || !padding.axes.empty() || x.shape.size() != 4 ||
      x.type != KL_TYPE_F32)
    return false;
  const OnnxShape& p = padding.pads;
  return p[0] == 0 && p[1] == 0 && p[4] == 0 && p[5] == 0 &&
         std::all_of(p.begin(), p.end(), [](int64_t v) { return v >= 0 && v <= kLargestWindow; });
}

}  // namespace

KL_ONNX_TRANSLATION(Pad) {
  KL_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", "constant"));
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
    return node.Broken("mode constant, reflect, edge or wrap", mode);
  KL_ASSIGN_OR_RETURN(int32_t x, translator->Input(node, 0));
  const OnnxValue from = translator->value(x);
  const size_t rank = from.shape.size();
  KL_ASSIGN_OR_RETURN(Padding padding, ReadPadding(node, translator, rank));
  OnnxShape shape = from.shape;
  if (!padding.axes.empty()) {
    KL_ASSIGN_OR_RETURN(shape, translator->StatedShape(node, 0, 1));
    if (shape.size() != rank) return node.Broken("a result of the input's rank", "another");
  } else {
    for (size_t d = 0; d < rank; ++d) {
      for (const int64_t pad : {padding.pads[d], padding.pads[rank + d]}) {
        if (pad < -kLargestWindow || pad > kLargestWindow)
          return node.Broken(absl::StrCat("pads from ", -kLargestWindow, " to ", kLargestWindow),
                             absl::StrCat(pad));
        shape[d] += pad;
      }
      if (shape[d] < 0) return node.Broken("pads that cut off no more than there is", "others");
    }
  }
  if (FitsWindow(from, padding, mode)) {
    const OnnxShape& p = padding.pads;
    const OnnxPadding around = {x, {p[2], p[3], p[6], p[7]}};
    return translator->SetPadded(node, around, std::move(shape));
  }
  std::vector<int32_t> operands = {x, mode == "constant" ? padding.value : kNoOnnxValue,
                                   kNoOnnxValue};
  std::vector<GraphAttribute> attributes = {{"pads", padding.pads}, {"mode", mode}};
  if (!padding.axes.empty()) {
    attributes.push_back({"axes", padding.axes});
    KL_ASSIGN_OR_RETURN(operands[2], translator->Input(node, 1));
  }
  return translator->Emit(node, "pad", std::move(attributes), std::move(operands), from.type,
                          std::move(shape));
}

}  // namespace kinglet
