// Conv, AveragePool, MaxPool, GlobalAveragePool, and Pad before them.
#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
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

// Reads strides, dilations and pads; resolves auto_pad and ceil_mode for an input of `shape`.
absl::StatusOr<OnnxWindow> ReadWindow(const OnnxNode& node, const OnnxShape& shape,
                                      const int64_t* outer_pads, OnnxShape kernel) {
  OnnxWindow window;
  window.kernel = std::move(kernel);
  KL_ASSIGN_OR_RETURN(window.strides, node.Ints("strides", 2, 1));
  KL_ASSIGN_OR_RETURN(window.dilations, node.Ints("dilations", 2, 1));
  KL_ASSIGN_OR_RETURN(window.pads, node.Ints("pads", 4, 0));
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

absl::Status RequireImage(const OnnxNode& node, const OnnxShape& shape) {
  if (shape.size() == 4) return absl::OkStatus();
  return node.Unsupported(absl::StrCat("its input has ", shape.size(),
                                       " dimensions, only images [N, C, H, W] are supported"));
}

absl::StatusOr<OnnxWindow> ReadPool(const OnnxNode& node, const OnnxShape& shape,
                                    const int64_t* outer_pads) {
  KL_RETURN_IF_ERROR(RequireImage(node, shape));
  if (!node.Has("kernel_shape")) return node.Broken("attribute kernel_shape", "none");
  KL_ASSIGN_OR_RETURN(OnnxShape kernel, node.Ints("kernel_shape", 2, 1));
  return ReadWindow(node, shape, outer_pads, std::move(kernel));
}

}  // namespace

KL_ONNX_TRANSLATION(Conv) {
  KL_ASSIGN_OR_RETURN(const OnnxPadding x, translator->PaddedInput(node, 0));
  KL_ASSIGN_OR_RETURN(const int32_t w, translator->FloatInput(node, 1));
  int32_t bias = kNoOnnxValue;
  if (node.HasInput(2)) {
    KL_ASSIGN_OR_RETURN(bias, translator->FloatInput(node, 2));
  }
  const OnnxShape& shape = translator->value(x.value).shape;
  const OnnxShape& weights = translator->value(w).shape;
  KL_RETURN_IF_ERROR(RequireImage(node, shape));
  if (weights.size() != 4)
    return node.Broken("weights [M, C/group, KH, KW]", absl::StrCat(weights.size(), " dimensions"));
  KL_ASSIGN_OR_RETURN(const int64_t group, node.Int("group", 1));
  if (group < 1 || weights[1] != shape[1] / group || shape[1] % group != 0 ||
      weights[0] % group != 0) {
    return node.Broken(
        absl::StrCat("channels that ", group, " groups divide, ", weights[1], " in each"),
        absl::StrCat(shape[1], " in, ", weights[0], " out"));
  }
  if (bias != kNoOnnxValue && translator->value(bias).shape != OnnxShape{weights[0]}) {
    return node.Broken(absl::StrCat("a bias of ", weights[0], " elements"), "another shape");
  }
  const OnnxShape kernel(weights.begin() + 2, weights.end());
  if (node.Has("kernel_shape")) {
    KL_ASSIGN_OR_RETURN(const OnnxShape stated, node.Ints("kernel_shape", 2, 1));
    if (stated != kernel) return node.Broken("kernel_shape as the weights have it", "another");
  }
  KL_ASSIGN_OR_RETURN(const OnnxWindow window, ReadWindow(node, shape, x.pads, kernel));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return translator->Emit(node, "conv2d",
                          {{"strides", window.strides},
                           {"pads", window.pads},
                           {"dilations", window.dilations},
                           {"group", group},
                           {"minimum", -kInfinity},
                           {"maximum", kInfinity}},
                          {x.value, w, bias}, KL_TYPE_F32,
                          {shape[0], weights[0], window.output[0], window.output[1]});
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
  return translator->Emit(node, "average_pool2d", std::move(attributes), {x.value}, KL_TYPE_F32,
                          {shape[0], shape[1], window.output[0], window.output[1]});
}

KL_ONNX_TRANSLATION(MaxPool) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const OnnxShape& shape = translator->value(x).shape;
  constexpr int64_t kNoPads[4] = {0, 0, 0, 0};
  KL_ASSIGN_OR_RETURN(const OnnxWindow window, ReadPool(node, shape, kNoPads));
  std::vector<GraphAttribute> attributes = PoolAttributes(window);
  attributes.push_back({"dilations", window.dilations});
  return translator->Emit(node, "max_pool2d", std::move(attributes), {x}, KL_TYPE_F32,
                          {shape[0], shape[1], window.output[0], window.output[1]});
}

KL_ONNX_TRANSLATION(GlobalAveragePool) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const OnnxShape& shape = translator->value(x).shape;
  KL_RETURN_IF_ERROR(RequireImage(node, shape));
  return translator->Emit(node, "global_average_pool", {}, {x}, KL_TYPE_F32,
                          {shape[0], shape[1], 1, 1});
}

KL_ONNX_TRANSLATION(Pad) {
  KL_ASSIGN_OR_RETURN(const OnnxPadding before, translator->PaddedInput(node, 0));
  const OnnxShape& shape = translator->value(before.value).shape;
  KL_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", "constant"));
  if (mode != "constant") return node.Unsupported(absl::StrCat("mode ", mode));
  if (node.HasInput(3)) return node.Unsupported("axes");
  OnnxShape pads;  // first of each dimension, then behind each
  double fill = 0;
  if (translator->opset() < 11) {
    KL_ASSIGN_OR_RETURN(pads, node.Ints("pads", -1, 0));
    KL_ASSIGN_OR_RETURN(fill, node.Float("value", 0.0));
  } else {
    KL_ASSIGN_OR_RETURN(pads, translator->ConstantInts(node, 1));
    if (node.HasInput(2)) {
      KL_ASSIGN_OR_RETURN(const int32_t id, translator->FloatInput(node, 2));
      const float* value = ConstantVector(*translator, id, 1);
      if (value == nullptr) return node.Unsupported("a fill value that is not constant");
      fill = *value;
    }
  }
  if (pads.size() != 2 * shape.size()) {
    return node.Broken(absl::StrCat(2 * shape.size(), " pads"), absl::StrCat(pads.size()));
  }
  if (fill != 0) return node.Unsupported("fill values other than 0");
  KL_RETURN_IF_ERROR(RequireImage(node, shape));
  if (pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0) {
    return node.Unsupported("pads outside height and width");
  }
  OnnxPadding padding = before;
  const int64_t around[4] = {pads[2], pads[3], pads[6], pads[7]};
  OnnxShape padded = shape;
  for (int i = 0; i < 4; ++i) {
    if (around[i] < 0 || around[i] > kLargestWindow) {
      return node.Unsupported(absl::StrCat("a pad of ", around[i]));
    }
    padding.pads[i] += around[i];
    padded[static_cast<size_t>(2 + i % 2)] += padding.pads[i];
  }
  return translator->SetPadded(node, padding, std::move(padded));
}

}  // namespace kinglet
