#include "core/exec/patch/local_node.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/string_view.h"
#include "core/abi/attribute.h"

namespace kinglet {
namespace {

using absl::string_view;

// Operands by name of the operator (plugins/reference defines them); -1: it has none.
struct WindowRow {
  const char* op;
  int x;
  int w;  // the kernel's size is the weights'; -1: attribute "kernel"
  int residual;
  int y;
};
constexpr WindowRow kWindows[] = {
    {"conv2d", 0, 1, -1, 3},           {"conv2d_integer", 0, 1, -1, 4},
    {"conv2d_quantized", 0, 3, -1, 9}, {"conv2d_quantized_add", 0, 3, 9, 14},
    {"max_pool2d", 0, -1, -1, 1},      {"average_pool2d", 0, -1, -1, 1},
};

// Elementwise, the output last; constants broadcast from the right.
constexpr const char* kElementwise[] = {
    "abs",        "add",        "cast", "ceil",  "clip",    "cos",          "div",
    "elu",        "erf",        "exp",  "floor", "gelu",    "log",          "max",
    "hard_swish", "leaky_relu", "min",  "mul",   "pow",     "hard_sigmoid", "prelu",
    "reciprocal", "relu",       "sign", "round", "sigmoid", "sin",          "softplus",
    "softsign",   "sqrt",       "sub",  "tanh",
};
// Elementwise in operand 0, with parameters for each channel.
constexpr const char* kOfChannels[] = {"batch_norm", "quantize_linear", "dequantize_linear"};

template <size_t kCount>
bool IsOneOf(const char* const (&names)[kCount], const std::string& op) {
  return std::any_of(names, names + kCount, [&](const char* name) { return op == name; });
}

// The node's attributes, for core/abi/attribute.h.
kl_node AttributesOf(const PlanNode& from) {
  kl_node node = {};
  node.attributes = from.attributes.data();
  node.attribute_count = from.attributes.size();
  return node;
}

bool ReadInts(const PlanNode& node, const char* name, uint32_t count, int64_t least,
              int64_t* values) {
  const kl_node attributes = AttributesOf(node);
  return kl_attribute_ints(&attributes, name, count, least, INT32_MAX, values) != 0;
}

int64_t ReadInt(const PlanNode& node, const char* name, int64_t otherwise) {
  const kl_node attributes = AttributesOf(node);
  return kl_attribute_int(&attributes, name, otherwise);
}

bool IsImage(const PlanValue& value, size_t rank) {
  if (value.kind != ValueKind::kActivation && value.kind != ValueKind::kInput) return false;
  return value.shape.size() == rank &&
         std::all_of(value.shape.begin(), value.shape.end(), [](int64_t d) { return d > 0; });
}

bool AreNchw(const ImageAxes& axes) { return axes == ImageAxes(); }

// The window's axes, and that y has the size that they give without an overhang (ONNX ceil_mode).
bool ReadWindow(const PlanNode& node, const PlanValue& x, const PlanValue& y, const int64_t* kernel,
                LocalNode* local) {
  int64_t strides[2], pads[4], dilations[2] = {1, 1};
  if (!ReadInts(node, "strides", 2, 1, strides) || !ReadInts(node, "pads", 4, 0, pads))
    return false;
  const kl_node attributes = AttributesOf(node);
  if (kl_find_attribute(&attributes, "dilations") != nullptr &&
      !ReadInts(node, "dilations", 2, 1, dilations))
    return false;
  WindowAxis* const axes[2] = {&local->rows, &local->columns};
  for (int a = 0; a < 2; ++a) {
    *axes[a] = {kernel[a], strides[a], dilations[a], pads[a], pads[2 + a], x.shape[2 + a]};
    const int64_t padded = axes[a]->size + pads[a] + pads[2 + a];
    if (padded < axes[a]->span() || (padded - axes[a]->span()) / strides[a] + 1 != y.shape[2 + a])
      return false;
  }
  local->has_window = true;
  return true;
}

std::optional<LocalNode> WindowNode(const Plan& plan, const PlanNode& node, const WindowRow& row) {
  const auto value = [&](int operand) -> const PlanValue* {
    const kl_value v = node.operands[static_cast<size_t>(operand)];
    return v == KL_NO_VALUE ? nullptr : &plan.values[v];
  };
  const PlanValue* x = value(row.x);
  const PlanValue* y = value(row.y);
  if (x == nullptr || y == nullptr || !IsImage(*x, 4) || !IsImage(*y, 4)) return std::nullopt;
  LocalNode local;
  local.output = static_cast<uint32_t>(row.y);
  local.images.push_back({static_cast<uint32_t>(row.x), ImageAxes(), /*windowed=*/true});
  int64_t kernel[2];
  if (row.w < 0) {
    if (!ReadInts(node, "kernel", 2, 1, kernel)) return std::nullopt;
  } else {
    const PlanValue* w = value(row.w);
    if (w == nullptr || w->kind != ValueKind::kWeight || w->shape.size() != 4) return std::nullopt;
    kernel[0] = w->shape[2];
    kernel[1] = w->shape[3];
    local.macs_per_output = w->shape[1] * kernel[0] * kernel[1];
    local.is_depthwise = ReadInt(node, "group", 1) == x->shape[1] && y->shape[1] == x->shape[1];
  }
  if (!ReadWindow(node, *x, *y, kernel, &local)) return std::nullopt;
  if (row.residual >= 0) {
    const PlanValue* r = value(row.residual);
    if (r == nullptr || !IsImage(*r, 4) || r->shape != y->shape) return std::nullopt;
    local.residual = row.residual;
    local.images.push_back({static_cast<uint32_t>(row.residual), ImageAxes(), /*windowed=*/false});
  }
  return local;
}

// That a constant is the same for all pixels.
bool IsSpreadOverPixels(const PlanValue& value, size_t rank, const ImageAxes& axes) {
  for (const int32_t axis : {axes.rows, axes.columns}) {
    const int64_t d = axis - static_cast<int64_t>(rank - value.shape.size());
    if (d >= 0 && value.shape[static_cast<size_t>(d)] != 1) return false;
  }
  return value.shape.size() <= rank;
}

std::optional<LocalNode> PixelNode(const Plan& plan, const PlanNode& node, const ImageAxes& axes,
                                   bool of_channels) {
  LocalNode local;
  local.output = static_cast<uint32_t>(node.operands.size() - 1);
  const PlanValue& y = plan.values[node.operands.back()];
  if (!IsImage(y, 4)) return std::nullopt;
  if (of_channels && node.op != "batch_norm") {
    const int64_t axis = ReadInt(node, "axis", 0);
    const kl_value scale = node.operands[1];
    const bool one = scale != KL_NO_VALUE && plan.values[scale].shape.empty();
    if (!one && (axis == axes.rows || axis == axes.columns)) return std::nullopt;
  }
  for (uint32_t i = 0; i + 1 < node.operands.size(); ++i) {
    if (node.operands[i] == KL_NO_VALUE) continue;
    const PlanValue& x = plan.values[node.operands[i]];
    if (x.kind == ValueKind::kWeight) {
      if (of_channels && i > 0 ? x.shape.size() > 1 : !IsSpreadOverPixels(x, 4, axes))
        return std::nullopt;
      continue;
    }
    if (!IsImage(x, 4) || x.shape != y.shape || (of_channels && i > 0)) return std::nullopt;
    local.images.push_back({i, axes, /*windowed=*/false});
  }
  return local;
}

std::optional<LocalNode> ConcatNode(const Plan& plan, const PlanNode& node, const ImageAxes& axes) {
  LocalNode local;
  local.output = static_cast<uint32_t>(node.operands.size() - 1);
  const PlanValue& y = plan.values[node.operands.back()];
  int64_t axis = ReadInt(node, "axis", 0);
  if (axis < 0) axis += 4;
  if (!IsImage(y, 4) || axis == axes.rows || axis == axes.columns) return std::nullopt;
  for (uint32_t i = 0; i + 1 < node.operands.size(); ++i) {
    if (node.operands[i] == KL_NO_VALUE) continue;
    if (!IsImage(plan.values[node.operands[i]], 4)) return std::nullopt;
    local.images.push_back({i, axes, /*windowed=*/false});
  }
  return local;
}

std::optional<LocalNode> TransposeNode(const Plan& plan, const PlanNode& node,
                                       const ImageAxes& axes) {
  int64_t permutation[4];
  if (!ReadInts(node, "permutation", 4, 0, permutation)) return std::nullopt;
  if (!IsImage(plan.values[node.operands[0]], 4) || !IsImage(plan.values[node.operands[1]], 4))
    return std::nullopt;
  LocalNode local;
  local.output = 1;
  local.images.push_back({0,
                          {static_cast<int32_t>(permutation[axes.rows]),
                           static_cast<int32_t>(permutation[axes.columns])},
                          /*windowed=*/false});
  return local;
}

}  // namespace

std::optional<LocalNode> LocalNodeOf(const Plan& plan, size_t index, const ImageAxes& axes) {
  const PlanNode& node = plan.nodes[index];
  for (const WindowRow& row : kWindows) {
    if (node.op == row.op) return AreNchw(axes) ? WindowNode(plan, node, row) : std::nullopt;
  }
  if (node.op == "concat") return ConcatNode(plan, node, axes);
  if (node.op == "transpose") return TransposeNode(plan, node, axes);
  const bool of_channels = IsOneOf(kOfChannels, node.op);
  if (of_channels || IsOneOf(kElementwise, node.op))
    return PixelNode(plan, node, axes, of_channels);
  return std::nullopt;
}

}  // namespace kinglet
