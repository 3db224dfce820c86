// Plans of image networks from shapes alone, for the tests of this folder: no weights, no files.
#ifndef KINGLET_CORE_EXEC_PATCH_FAKE_GRAPHS_H_
#define KINGLET_CORE_EXEC_PATCH_FAKE_GRAPHS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/abi/types.h"
#include "core/exec/plan.h"

namespace kinglet {

struct FakeWindow {
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t dilation = 1;
  std::vector<int64_t> pads;  // empty: kernel / 2 on all sides
};

// Convolutions are conv2d_quantized on i8 codes, as int8 networks have them once they are joined.
class FakeGraph {
 public:
  kl_value Input(std::vector<int64_t> shape) {
    const kl_value value = Add(ValueKind::kInput, std::move(shape), KL_TYPE_I8);
    plan_.inputs.push_back(value);
    return value;
  }

  kl_value Conv(kl_value x, int64_t channels, const FakeWindow& window) {
    return Convolve(x, channels, 1, window, KL_NO_VALUE);
  }
  kl_value Depthwise(kl_value x, const FakeWindow& window) {
    const int64_t channels = Shape(x)[1];
    return Convolve(x, channels, channels, window, KL_NO_VALUE);
  }
  kl_value Pointwise(kl_value x, int64_t channels) { return Conv(x, channels, {1, 1, 1, {}}); }
  kl_value PointwiseAdd(kl_value x, kl_value residual) {
    return Convolve(x, Shape(residual)[1], 1, {1, 1, 1, {}}, residual);
  }
  kl_value Node(const std::string& op, std::vector<kl_value> operands, std::vector<int64_t> shape,
                const std::vector<GraphAttribute>& attributes = {}, kl_dtype type = KL_TYPE_I8) {
    const kl_value y = Add(ValueKind::kActivation, std::move(shape), type);
    operands.push_back(y);
    PlanNode node;
    node.op = op;
    node.name = op + std::to_string(plan_.nodes.size());
    node.attributes = AttributeSet(attributes);
    node.operands = std::move(operands);
    plan_.nodes.push_back(std::move(node));
    return y;
  }
  kl_value Weight(std::vector<int64_t> shape, kl_dtype type = KL_TYPE_I8) {
    return Add(ValueKind::kWeight, std::move(shape), type);
  }

  const std::vector<kl_value>& OperandsOfLast() const { return plan_.nodes.back().operands; }
  const std::vector<int64_t>& Shape(kl_value value) const {
    return plan_.values[static_cast<size_t>(value)].shape;
  }

  Plan Finish(kl_value output) {
    plan_.outputs = {output};
    return std::move(plan_);
  }

  // MobileNetV2 (arXiv 1801.04381, table 2) with projections in their residuals.
  static Plan MobileNetV2(int64_t size) {
    FakeGraph g;
    kl_value x = g.Conv(g.Input({1, 3, size, size}), 32, {3, 2, 1, {}});
    constexpr int64_t kStages[][4] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                      {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    for (const auto& stage : kStages) {
      for (int64_t i = 0; i < stage[2]; ++i) {
        const int64_t stride = i == 0 ? stage[3] : 1;
        kl_value y = x;
        if (stage[0] > 1) y = g.Pointwise(y, g.Shape(x)[1] * stage[0]);
        y = g.Depthwise(y, {3, stride, 1, {}});
        x = stride == 1 && g.Shape(x)[1] == stage[1] ? g.PointwiseAdd(y, x)
                                                     : g.Pointwise(y, stage[1]);
      }
    }
    x = g.Pointwise(x, 1280);
    return g.Finish(g.Node("reduce_quantized", {x}, {1, 1280, 1, 1}));
  }

 private:
  kl_value Add(ValueKind kind, std::vector<int64_t> shape, kl_dtype type) {
    PlanValue value;
    value.kind = kind;
    value.name = "v" + std::to_string(plan_.values.size());
    value.type = type;
    value.shape = std::move(shape);
    plan_.values.push_back(std::move(value));
    return static_cast<kl_value>(plan_.values.size() - 1);
  }

  kl_value Convolve(kl_value x, int64_t channels, int64_t group, const FakeWindow& window,
                    kl_value residual) {
    const int64_t pad = window.kernel / 2;
    const std::vector<int64_t> pads =
        window.pads.empty() ? std::vector<int64_t>{pad, pad, pad, pad} : window.pads;
    const std::vector<int64_t> from = Shape(x);
    std::vector<int64_t> to = {from[0], channels, 0, 0};
    const int64_t span = (window.kernel - 1) * window.dilation + 1;
    for (size_t a = 0; a < 2; ++a)
      to[2 + a] = (from[2 + a] + pads[a] + pads[2 + a] - span) / window.stride + 1;
    const std::vector<GraphAttribute> attributes = {
        {"strides", std::vector<int64_t>{window.stride, window.stride}},
        {"pads", pads},
        {"dilations", std::vector<int64_t>{window.dilation, window.dilation}},
        {"group", group}};
    const kl_value scale = Weight({}, KL_TYPE_F32), zero = Weight({});
    const kl_value w = Weight({channels, from[1] / group, window.kernel, window.kernel});
    std::vector<kl_value> operands = {x, scale, zero, w, scale, zero, scale, zero, KL_NO_VALUE};
    if (residual == KL_NO_VALUE) return Node("conv2d_quantized", operands, to, attributes);
    operands.insert(operands.end(), {residual, scale, zero, scale, zero});
    return Node("conv2d_quantized_add", operands, to, attributes);
  }

  Plan plan_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_FAKE_GRAPHS_H_
