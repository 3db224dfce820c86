// op "conv2d": two-dimensional convolution, grouped, with a fused clamp.
//
//   y[n][m][oh][ow] = clamp(bias[m] + sum over c, kh, kw of
//                           w[m][c][kh][kw] * x[n][g * C/group + c][h][w])
//   h = oh * stride - top + kh * dilation,   w = ow * stride - left + kw * dilation
//   g = m / (M / group);   what lies outside x counts as 0
//
//   x     f32  [N, C, H, W]             in
//   w     f32  [M, C/group, KH, KW]     in
//   bias  f32  [M]                      in, optional
//   y     f32  [N, M, OH, OW]           out; may take over x where in_place.h says so
//
// Attributes: strides [2], pads [top, left, bottom, right], dilations [2] (ints);
//             group (int, default 1); minimum, maximum (float, default -inf, +inf).
// Work:    one unit a row of y; in place one a channel.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: sums in double in the order c, kh, kw; rounded once.
// Source:  ONNX Conv; the clamp is the Relu or Clip that follows it.
#include "plugins/reference/cases.h"
#include "plugins/reference/in_place.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kW, kBias, kY };
struct NodeState {
  Window window;
  int64_t group;
  double minimum;
  double maximum;
};

constexpr kl_operand kOperands[] = {Input("x"), Input("w"), OptionalInput("bias"), Result("y")};

constexpr int64_t kOnes[] = {1, 1}, kTwos[] = {2, 2}, kTwoOne[] = {2, 1};
constexpr int64_t kNoPads[] = {0, 0, 0, 0}, kSamePads[] = {1, 1, 1, 1},
                  kUnevenPads[] = {0, 1, 2, 1};
constexpr kl_attribute kUnit[] = {IntsAttribute("strides", kOnes), IntsAttribute("pads", kNoPads),
                                  IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kSame[] = {IntsAttribute("strides", kOnes), IntsAttribute("pads", kSamePads),
                                  IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kStrided[] = {IntsAttribute("strides", kTwos),
                                     IntsAttribute("pads", kSamePads),
                                     IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kUneven[] = {IntsAttribute("strides", kTwoOne),
                                    IntsAttribute("pads", kUnevenPads),
                                    IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kDilated[] = {IntsAttribute("strides", kOnes),
                                     IntsAttribute("pads", kSamePads),
                                     IntsAttribute("dilations", kTwos)};
constexpr kl_attribute kRelu[] = {IntsAttribute("strides", kOnes), IntsAttribute("pads", kSamePads),
                                  IntsAttribute("dilations", kOnes),
                                  FloatAttribute("minimum", 0.0)};
constexpr kl_attribute kRelu6[] = {IntsAttribute("strides", kOnes),
                                   IntsAttribute("pads", kSamePads),
                                   IntsAttribute("dilations", kOnes),
                                   FloatAttribute("minimum", 0.0), FloatAttribute("maximum", 6.0)};
constexpr kl_attribute kGroups[] = {IntsAttribute("strides", kOnes),
                                    IntsAttribute("pads", kSamePads),
                                    IntsAttribute("dilations", kOnes), IntAttribute("group", 2)};
constexpr kl_attribute kDepthwise[] = {
    IntsAttribute("strides", kOnes), IntsAttribute("pads", kSamePads),
    IntsAttribute("dilations", kOnes), IntAttribute("group", 10)};

// S(1) = C, S(2) = M.
constexpr kl_case_operand kPointwise[] = {Normal({1, S(1), 9, 7}), Normal({S(2), S(1), 1, 1}, 0.3),
                                          Normal({S(2)}), Output({1, S(2), 9, 7})};
constexpr kl_case_operand k3x3[] = {Normal({1, S(1), 12, 11}), Normal({S(2), S(1), 3, 3}, 0.2),
                                    Normal({S(2)}), Output({1, S(2), 12, 11})};
constexpr kl_case_operand kNoBias[] = {Normal({2, S(1), 8, 8}), Normal({S(2), S(1), 3, 3}, 0.2),
                                       Absent(), Output({2, S(2), 8, 8})};
constexpr kl_case_operand kHalf[] = {Normal({1, S(1), 16, 15}), Normal({S(2), S(1), 3, 3}, 0.2),
                                     Normal({S(2)}), Output({1, S(2), 8, 8})};
constexpr kl_case_operand kUnevenShape[] = {Normal({1, S(1), 9, 8}),
                                            Normal({S(2), S(1), 4, 3}, 0.2), Normal({S(2)}),
                                            Output({1, S(2), 4, 8})};
constexpr kl_case_operand kDilatedShape[] = {Normal({1, S(1), 10, 9}),
                                             Normal({S(2), S(1), 3, 3}, 0.2), Normal({S(2)}),
                                             Output({1, S(2), 8, 7})};
constexpr kl_case_operand kGroupShape[] = {Normal({2, 6, 7, 7}), Normal({8, 3, 3, 3}, 0.2),
                                           Normal({8}), Output({2, 8, 7, 7})};
constexpr kl_case_operand kDepthwiseShape[] = {Normal({1, 10, 9, 9}), Normal({10, 1, 3, 3}, 0.3),
                                               Normal({10}), Output({1, 10, 9, 9})};
constexpr kl_case_operand kMultiplierShape[] = {Normal({1, 10, 6, 6}), Normal({20, 1, 3, 3}, 0.3),
                                                Normal({20}), Output({1, 20, 6, 6})};
// Pruned 1x1 convolutions: S(1) = C, S(2) = M, S(3) x S(4) = the image.
constexpr kl_attribute kUnitRelu6[] = {
    IntsAttribute("strides", kOnes), IntsAttribute("pads", kNoPads),
    IntsAttribute("dilations", kOnes), FloatAttribute("minimum", 0.0),
    FloatAttribute("maximum", 6.0)};
constexpr kl_case_operand PrunedX(int64_t images) { return Normal({images, S(1), S(3), S(4)}); }
constexpr kl_case_operand PrunedY(int64_t images) { return Output({images, S(2), S(3), S(4)}); }
constexpr kl_case_operand kPruned60[] = {PrunedX(1), Sparse({S(2), S(1), 1, 1}, 0.6),
                                         Normal({S(2)}), PrunedY(1)};
constexpr kl_case_operand kPruned90[] = {PrunedX(1), Sparse({S(2), S(1), 1, 1}, 0.9),
                                         Normal({S(2)}), PrunedY(1)};
constexpr kl_case_operand kPruned98[] = {PrunedX(2), Sparse({S(2), S(1), 1, 1}, 0.98), Absent(),
                                         PrunedY(2)};
constexpr kl_case_operand kPrunedAll[] = {PrunedX(1), Sparse({S(2), S(1), 1, 1}, 1.0),
                                          Normal({S(2)}), PrunedY(1)};
constexpr kl_case_operand kPrunedBy2[] = {PrunedX(1), Sparse({S(2), S(1), 1, 1}, 0.85, 2),
                                          Normal({S(2)}), PrunedY(1)};
constexpr kl_case_operand kPrunedBy4[] = {PrunedX(2), Sparse({S(2), S(1), 1, 1}, 0.8, 4),
                                          Normal({S(2)}), PrunedY(2)};
constexpr kl_attribute k5x5[] = {IntsAttribute("strides", kTwos), IntsAttribute("pads", kSamePads),
                                 IntsAttribute("dilations", kOnes), IntAttribute("group", 10),
                                 FloatAttribute("minimum", -1.0)};
constexpr kl_case_operand kDepthwise5x5[] = {Normal({2, 10, S(3), 23}), Normal({10, 1, 5, 5}, 0.3),
                                             Absent(), Output({2, 10, S(4), 11})};
constexpr kl_case_operand kEntry[] = {Normal({1, 3, 33, 41}), Normal({S(2), 3, 3, 3}, 0.2),
                                      Normal({S(2)}), Output({1, S(2), 17, 21})};
constexpr kl_op_case kCases[] = {
    Case("pruned_60", kUnitRelu6, kPruned60,
         {{Fixed(1), Range(1, 150), Range(1, 70), Range(1, 15), Range(1, 15)}}, 4),
    Case("pruned_60_deep", kUnit, kPruned60,
         {{Fixed(1), Range(193, 500), Range(8, 40), Range(3, 8), Range(3, 8)}}, 3),
    Case("pruned_90", kUnitRelu6, kPruned90,
         {{Fixed(1), Range(1, 190), Range(1, 90), Range(1, 30), Range(1, 15)}}, 6),
    Case("pruned_90_deep", kUnit, kPruned90,
         {{Fixed(1), Range(193, 700), Range(8, 90), Range(1, 15), Range(1, 15)}}, 4),
    Case("pruned_98", kUnit, kPruned98,
         {{Fixed(1), Range(32, 600), Range(32, 90), Range(3, 8), Range(8, 16, 8)}}, 3),
    Case("pruned_all", kUnit, kPrunedAll,
         {{Fixed(1), Range(1, 90), Range(4, 90), Range(1, 9), Range(1, 9)}}, 2),
    Case("pruned_by_2", kUnitRelu6, kPrunedBy2,
         {{Fixed(1), Range(1, 300), Range(2, 70, 2), Range(1, 15), Range(1, 15)}}, 4),
    Case("pruned_by_4", kUnitRelu6, kPrunedBy4,
         {{Fixed(1), Range(1, 300), Range(4, 72, 4), Range(1, 15), Range(1, 15)}}, 4),
    Case("depthwise_5x5_strided", k5x5, kDepthwise5x5,
         {{Fixed(1), Fixed(1), Fixed(1), Fixed(23), Fixed(11)}}),
    Case("entry", kStrided, kEntry, {{Fixed(1), Fixed(1), Range(1, 40)}}, 3),
    Case("pointwise", kUnit, kPointwise, {{Fixed(1), Range(1, 40), Range(1, 40)}}, 2),
    Case("kernel_3x3", kSame, k3x3, {{Fixed(1), Range(1, 20), Range(1, 20)}}, 2),
    Case("without_bias", kSame, kNoBias, {{Fixed(1), Range(1, 12), Range(1, 12)}}, 1),
    Case("strided", kStrided, kHalf, {{Fixed(1), Range(1, 20), Range(1, 20)}}, 1),
    Case("uneven_pads_and_strides", kUneven, kUnevenShape, {{Fixed(1), Range(1, 9), Range(1, 9)}},
         1),
    Case("dilated", kDilated, kDilatedShape, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
    Case("relu", kRelu, k3x3, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
    Case("relu6", kRelu6, k3x3, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
    Case("groups", kGroups, kGroupShape),
    Case("depthwise", kDepthwise, kDepthwiseShape),
    Case("depthwise_multiplier_2", kDepthwise, kMultiplierShape),
};
constexpr kl_op kOp = Operator("conv2d", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  for (const uint32_t index : {kX, kW, kBias, kY}) check.Type(index, KL_TYPE_F32);
  check.Rank(kX, 4, 4);
  check.Rank(kW, 4, 4);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* w = node->operands[kW];
  const int64_t channels = node->operands[kX]->shape[1], outputs = w->shape[0];
  ParseWindow(node, true, &s->window, &check);
  s->window.kernel[0] = w->shape[2];
  s->window.kernel[1] = w->shape[3];
  s->group = kl_attribute_int(node, "group", 1);
  s->minimum = kl_attribute_float(node, "minimum", -INFINITY);
  s->maximum = kl_attribute_float(node, "maximum", INFINITY);
  check.Require(s->group >= 1 && channels % s->group == 0 && outputs % s->group == 0,
                "attribute group to divide input and output channels", s->group);
  if (!check.ok()) return check.code();
  check.Shape(kW, {kAnyDimension, channels / s->group, kAnyDimension, kAnyDimension});
  check.RequireOperand(kW, outputs > 0 && w->shape[2] > 0 && w->shape[3] > 0, "dimensions above 0");
  check.Shape(kBias, {outputs});
  CheckWindowOutput(node, kX, kY, outputs, s->window, false, &check);
  if (check.ok()) OfferInPlace(node, kX, kY, s->window, s->group, requirements);
  return check.code();
}

bool IsInPlace(const kl_run* run) { return run->operands[kX]->data == run->operands[kY]->data; }

void Work(const kl_run* run, kl_work* work) {
  if (IsInPlace(run)) return InPlaceWork(run->operands[kX], run->operands[kY], work);
  OnePhase(work, RowCount(run->operands[kY]));
}

// The sum of one output, bias not included. (top, left) is the window's first input, maybe in the
// padding.
double Convolve(const kl_run* run, const Window& window, int64_t n, int64_t m,
                int64_t first_channel, int64_t top, int64_t left) {
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* w = run->operands[kW];
  const int64_t height = x->shape[2], width = x->shape[3];
  double sum = 0.0;
  for (int64_t c = 0; c < w->shape[1]; ++c) {
    for (int64_t kh = 0; kh < window.kernel[0]; ++kh) {
      const int64_t h = top + kh * window.dilations[0];
      if (h < 0 || h >= height) continue;
      const float* pixels = F32Row(x, (n * x->shape[1] + first_channel + c) * height + h);
      const float* weights = F32Row(w, (m * w->shape[1] + c) * window.kernel[0] + kh);
      for (int64_t kw = 0; kw < window.kernel[1]; ++kw) {
        const int64_t column = left + kw * window.dilations[1];
        if (column < 0 || column >= width) continue;
        sum += static_cast<double>(pixels[column]) * static_cast<double>(weights[kw]);
      }
    }
  }
  return sum;
}

float OutputAt(const kl_run* run, const NodeState& s, int64_t n, int64_t m, int64_t oh,
               int64_t ow) {
  const kl_tensor* bias = run->operands[kBias];
  const int64_t first_channel =
      m / (run->operands[kY]->shape[1] / s.group) * run->operands[kW]->shape[1];
  double value = IsAbsent(bias) ? 0.0 : F32Row(bias, 0)[m];
  value +=
      Convolve(run, s.window, n, m, first_channel, s.window.First(0, oh), s.window.First(1, ow));
  value = value < s.minimum ? s.minimum : value;
  return static_cast<float>(value > s.maximum ? s.maximum : value);
}

kl_code Run(const kl_run* run) {
  const NodeState& s = *static_cast<const NodeState*>(run->state);
  const kl_tensor* y = run->operands[kY];
  if (IsInPlace(run)) {
    RunInPlace<float>(run, run->operands[kX], y, s.window, [&](int64_t n, int64_t m) {
      return [&run, &s, n, m](int64_t oh, int64_t ow) { return OutputAt(run, s, n, m, oh, ow); };
    });
    return KL_OK;
  }
  const int64_t outputs = y->shape[1], rows = y->shape[2], columns = y->shape[3];
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    float* out = MutableF32Row(y, unit);
    for (int64_t ow = 0; ow < columns; ++ow) {
      out[ow] = OutputAt(run, s, unit / rows / outputs, unit / rows % outputs, unit % rows, ow);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "conv2d_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, conv2d) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
