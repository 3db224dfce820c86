// op "conv2d_quantized": convolution from 8-bit codes to 8-bit codes.
//
//   sum = bias[m] + sum of (x - x_zero_point) * (w - w_zero_point[m]) over the window
//   y   = clamp(requantise(sum * x_scale * w_scale[m] / y_scale) + y_zero_point)
//
//   x             i8, u8     [N, C, H, W]           in
//   x_scale       f32        []                     in
//   x_zero_point  type of x  []                     in
//   w             i8, u8     [M, C/group, KH, KW]   in
//   w_scale       f32        [] or [M]              in
//   w_zero_point  type of w  [] or [M]              in
//   y_scale       f32        []                     in
//   y_zero_point  type of y  []                     in
//   bias          i32        [M]                    in, optional; in units of x_scale * w_scale[m]
//   y             i8, u8     [N, M, OH, OW]         out; may take over x where in_place.h says so
//
// Attributes: those of conv2d; minimum, maximum (int, default the ends of the type) are codes;
//             fixed_point (int, default 0): how sums become codes
//             (plugins/common/fixed_point.h).
// Work:    one unit a row of y; in place one a channel.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: plugins/common/fixed_point.h. Kernels may differ from this one by one code.
// Source:  ONNX QLinearConv; TFLite CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED.
#include "plugins/reference/in_place.h"
#include "plugins/reference/quantized_window.h"

namespace kinglet {
namespace reference {
namespace {

constexpr uint32_t kY = kQOperandCount;

constexpr kl_operand kOperands[] = {Input("x"),       Input("x_scale"),      Input("x_zero_point"),
                                    Input("w"),       Input("w_scale"),      Input("w_zero_point"),
                                    Input("y_scale"), Input("y_zero_point"), OptionalInput("bias"),
                                    Result("y")};
constexpr int64_t kOnes[] = {1, 1}, kTwos[] = {2, 2}, kPads[] = {1, 1, 1, 1},
                  kNoPads[] = {0, 0, 0, 0};
constexpr kl_attribute kSame[] = {IntsAttribute("strides", kOnes), IntsAttribute("pads", kPads),
                                  IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kPoint[] = {IntsAttribute("strides", kOnes), IntsAttribute("pads", kNoPads),
                                   IntsAttribute("dilations", kOnes),
                                   IntAttribute("fixed_point", 1)};
constexpr kl_attribute kFloatPoint[] = {IntsAttribute("strides", kOnes),
                                        IntsAttribute("pads", kNoPads),
                                        IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kDepthwise[] = {
    IntsAttribute("strides", kTwos),   IntsAttribute("pads", kPads),
    IntsAttribute("dilations", kOnes), IntAttribute("group", 10),
    IntAttribute("minimum", -5),       IntAttribute("maximum", 99),
    IntAttribute("fixed_point", 1)};
#define KL_SCALED(type, zero) Constant(KL_TYPE_F32, {}, 0.02), Constant(type, {}, zero)
constexpr kl_case_operand kUnsigned[] = {
    Codes(KL_TYPE_U8, {1, S(1), 7, 6}),    KL_SCALED(KL_TYPE_U8, 120),
    Codes(KL_TYPE_U8, {S(2), S(1), 3, 3}), KL_SCALED(KL_TYPE_U8, 131),
    Constant(KL_TYPE_F32, {}, 0.7),        Constant(KL_TYPE_U8, {}, 128),
    Integers({S(2)}, -900, 900),           Output({1, S(2), 7, 6}, KL_TYPE_U8)};
constexpr kl_case_operand kSigned[] = {
    Codes(KL_TYPE_I8, {2, S(1), 9, 5}),    KL_SCALED(KL_TYPE_I8, -3),
    Codes(KL_TYPE_I8, {S(2), S(1), 1, 1}), Uniform({S(2)}, 0.005, 0.02),
    Constant(KL_TYPE_I8, {S(2)}, 0),       Constant(KL_TYPE_F32, {}, 0.3),
    Constant(KL_TYPE_I8, {}, 7),           Integers({S(2)}, -900, 900),
    Output({2, S(2), 9, 5}, KL_TYPE_I8)};
constexpr kl_case_operand kDepthwiseShape[] = {
    Codes(KL_TYPE_I8, {1, 10, 9, 9}), KL_SCALED(KL_TYPE_I8, -3),
    Codes(KL_TYPE_I8, {10, 1, 3, 3}), Uniform({10}, 0.005, 0.02),
    Constant(KL_TYPE_I8, {10}, 0),    Constant(KL_TYPE_F32, {}, 0.2),
    Constant(KL_TYPE_I8, {}, -7),     Integers({10}, -900, 900),
    Output({1, 10, 5, 5}, KL_TYPE_I8)};
// Weights around 128; two groups, a dilated kernel, pads that differ.
constexpr int64_t kUneven[] = {0, 2, 1, 3};
constexpr kl_attribute kGrouped[] = {
    IntsAttribute("strides", kOnes), IntsAttribute("pads", kUneven),
    IntsAttribute("dilations", kTwos), IntAttribute("group", 2), IntAttribute("fixed_point", 1)};
constexpr kl_case_operand kGroupedShape[] = {Codes(KL_TYPE_U8, {2, 34, S(1), 11}),
                                             KL_SCALED(KL_TYPE_U8, 120),
                                             Codes(KL_TYPE_U8, {22, 17, 3, 5}),
                                             KL_SCALED(KL_TYPE_U8, 128),
                                             Constant(KL_TYPE_F32, {}, 0.9),
                                             Constant(KL_TYPE_U8, {}, 128),
                                             Absent(),
                                             Output({2, 22, 6, 8}, KL_TYPE_U8)};
// Rows of several vectors of pixels.
constexpr kl_case_operand kWide[] = {
    Codes(KL_TYPE_I8, {1, 5, S(1), 75}), KL_SCALED(KL_TYPE_I8, -3),
    Codes(KL_TYPE_I8, {9, 5, 3, 3}),     Uniform({9}, 0.005, 0.02),
    Constant(KL_TYPE_I8, {9}, 0),        Constant(KL_TYPE_F32, {}, 0.9),
    Constant(KL_TYPE_I8, {}, 7),         Integers({9}, -900, 900),
    Output({1, 9, S(1), 75}, KL_TYPE_I8)};
constexpr kl_attribute kWideFixed[] = {
    IntsAttribute("strides", kOnes), IntsAttribute("pads", kPads),
    IntsAttribute("dilations", kOnes), IntAttribute("fixed_point", 1)};
// A fully connected layer.
constexpr kl_case_operand kConnected[] = {
    Codes(KL_TYPE_I8, {3, S(1), 1, 1}),    KL_SCALED(KL_TYPE_I8, 11),
    Codes(KL_TYPE_I8, {S(2), S(1), 1, 1}), KL_SCALED(KL_TYPE_I8, 0),
    Constant(KL_TYPE_F32, {}, 0.5),        Constant(KL_TYPE_I8, {}, -4),
    Integers({S(2)}, -900, 900),           Output({3, S(2), 1, 1}, KL_TYPE_I8)};
#undef KL_SCALED
constexpr kl_op_case kCases[] = {
    Case("unsigned", kSame, kUnsigned, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
    Case("pointwise_channels", kPoint, kSigned, {{Fixed(1), Range(1, 40), Range(1, 40)}}, 2),
    Case("pointwise_channels_float", kFloatPoint, kSigned, {{Fixed(1), Range(1, 40), Range(1, 40)}},
         2),
    Case("depthwise_channels", kDepthwise, kDepthwiseShape),
    Case("grouped_dilated", kGrouped, kGroupedShape, {{Fixed(1), Fixed(9)}}),
    Case("wide", kSame, kWide, {{Fixed(1), Range(1, 4)}}, 1),
    Case("wide_fixed", kWideFixed, kWide, {{Fixed(1), Range(1, 4)}}, 1),
    Case("fully_connected", kPoint, kConnected, {{Fixed(1), Range(1, 300), Range(1, 40)}}, 2),
};
constexpr kl_op kOp = Operator("conv2d_quantized", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  CodeLayer* layer = static_cast<CodeLayer*>(state);
  PrepareCodeLayer(node, kY, layer, &check);
  if (!check.ok()) return check.code();
  OfferInPlace(node, kQX, kY, layer->convolution.window, layer->convolution.group, requirements);
  return check.code();
}

bool IsInPlace(const kl_run* run) { return run->operands[kQX]->data == run->operands[kY]->data; }

void Work(const kl_run* run, kl_work* work) {
  if (IsInPlace(run)) return InPlaceWork(run->operands[kQX], run->operands[kY], work);
  OnePhase(work, RowCount(run->operands[kY]));
}

kl_code Run(const kl_run* run) {
  const CodeLayer& layer = *static_cast<const CodeLayer*>(run->state);
  const kl_tensor* y = run->operands[kY];
  if (IsInPlace(run)) {
    RunInPlace<uint8_t>(
        run, run->operands[kQX], y, layer.convolution.window, [&](int64_t n, int64_t m) {
          return
              [&run, &layer, n, m, scale = ChannelScaleOf(run, layer, m)](int64_t oh, int64_t ow) {
                return static_cast<uint8_t>(CodeAt(run, kY, layer, scale, n, m, oh, ow));
              };
        });
    return KL_OK;
  }
  const int64_t outputs = y->shape[1], rows = y->shape[2], columns = y->shape[3];
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t n = unit / rows / outputs, m = unit / rows % outputs;
    const ChannelScale scale = ChannelScaleOf(run, layer, m);
    for (int64_t ow = 0; ow < columns; ++ow) {
      StoreCode(y, unit * columns + ow, CodeAt(run, kY, layer, scale, n, m, unit % rows, ow));
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "conv2d_quantized_reference", sizeof(CodeLayer), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, conv2d_quantized) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                         nullptr};
