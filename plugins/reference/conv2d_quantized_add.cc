// op "conv2d_quantized_add": a quantised convolution added to a residual, code by code.
//
//   c = conv2d_quantized(x, ..)                    codes at c_scale, c_zero_point
//   y = quantize_linear(dequantize_linear(c) + dequantize_linear(r), y_scale, y_zero_point)
//
//   x .. bias     as of conv2d_quantized, y_scale and y_zero_point being those of c   in
//   r             i8, u8     [N, M, OH, OW]        in
//   r_scale       f32        []                    in
//   r_zero_point  type of r  []                    in
//   y_scale       f32        []                    in
//   y_zero_point  type of y  []                    in
//   y             type of r  [N, M, OH, OW]        out; may alias r
//
// So that the projection of a residual block needs no memory of its own: it goes into the
// residual's. Attributes: those of conv2d_quantized. Work:    one unit a row of y. Errors:
// prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail. Numbers: those
// of the operators that it stands for, one after the other. Source:  arXiv 2110.15352, section 3.1;
// TinyEngine.
#include "plugins/reference/quantized_window.h"

namespace kinglet {
namespace reference {
namespace {

enum { kR = kQOperandCount, kRScale, kRZero, kYScale, kYZero, kY };

constexpr kl_operand kOperands[] = {Input("x"),       Input("x_scale"),      Input("x_zero_point"),
                                    Input("w"),       Input("w_scale"),      Input("w_zero_point"),
                                    Input("c_scale"), Input("c_zero_point"), OptionalInput("bias"),
                                    Input("r"),       Input("r_scale"),      Input("r_zero_point"),
                                    Input("y_scale"), Input("y_zero_point"), Result("y", kR)};
constexpr int64_t kOnes[] = {1, 1}, kPads[] = {1, 1, 1, 1}, kNoPads[] = {0, 0, 0, 0};
constexpr kl_attribute kSame[] = {IntsAttribute("strides", kOnes), IntsAttribute("pads", kPads),
                                  IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kPoint[] = {IntsAttribute("strides", kOnes), IntsAttribute("pads", kNoPads),
                                   IntsAttribute("dilations", kOnes),
                                   IntAttribute("fixed_point", 1)};
constexpr kl_attribute kFloatPoint[] = {IntsAttribute("strides", kOnes),
                                        IntsAttribute("pads", kNoPads),
                                        IntsAttribute("dilations", kOnes)};
#define KL_SCALED(type, scale, zero) Constant(KL_TYPE_F32, {}, scale), Constant(type, {}, zero)
constexpr kl_case_operand kUnsigned[] = {
    Codes(KL_TYPE_U8, {1, S(1), 7, 6}),    KL_SCALED(KL_TYPE_U8, 0.02, 120),
    Codes(KL_TYPE_U8, {S(2), S(1), 3, 3}), KL_SCALED(KL_TYPE_U8, 0.02, 131),
    KL_SCALED(KL_TYPE_U8, 0.7, 128),       Absent(),
    Codes(KL_TYPE_U8, {1, S(2), 7, 6}),    KL_SCALED(KL_TYPE_U8, 0.5, 100),
    KL_SCALED(KL_TYPE_U8, 0.9, 120),       Output({1, S(2), 7, 6}, KL_TYPE_U8)};
constexpr kl_case_operand kSigned[] = {
    Codes(KL_TYPE_I8, {2, S(1), 9, 5}),    KL_SCALED(KL_TYPE_I8, 0.02, -3),
    Codes(KL_TYPE_I8, {S(2), S(1), 1, 1}), Uniform({S(2)}, 0.005, 0.02),
    Constant(KL_TYPE_I8, {S(2)}, 0),       KL_SCALED(KL_TYPE_I8, 0.3, 7),
    Integers({S(2)}, -900, 900),           Codes(KL_TYPE_I8, {2, S(2), 9, 5}),
    KL_SCALED(KL_TYPE_I8, 0.25, -11),      KL_SCALED(KL_TYPE_I8, 0.4, 3),
    Output({2, S(2), 9, 5}, KL_TYPE_I8)};
#undef KL_SCALED
constexpr kl_op_case kCases[] = {
    Case("unsigned", kSame, kUnsigned, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
    Case("pointwise_channels", kPoint, kSigned, {{Fixed(1), Range(1, 40), Range(1, 40)}}, 2),
    Case("pointwise_channels_float", kFloatPoint, kSigned, {{Fixed(1), Range(1, 40), Range(1, 40)}},
         2),
};
constexpr kl_op kOp = Operator("conv2d_quantized_add", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  const kl_tensor* r = node->operands[kR];
  check.RequireOperand(kR, IsByteType(r->type), "i8 or u8");
  check.Type(kQYZero, r->type);
  for (const uint32_t i : {kRZero, kYZero, kY}) check.Type(i, r->type);
  for (const uint32_t i : {kRScale, kYScale}) check.Type(i, KL_TYPE_F32);
  if (check.ok()) PrepareCodeLayer(node, kY, static_cast<CodeLayer*>(state), &check);
  for (const uint32_t i : {kRScale, kRZero, kYScale, kYZero}) CheckOneOrCount(node, i, 1, &check);
  if (check.ok()) check.SameShape(kY, kR);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kY])); }

kl_code Run(const kl_run* run) {
  const CodeLayer& layer = *static_cast<const CodeLayer*>(run->state);
  const kl_tensor* r = run->operands[kR];
  const kl_tensor* y = run->operands[kY];
  const double c_scale = ScaleAt(run->operands[kQYScale], 0),
               r_scale = ScaleAt(run->operands[kRScale], 0);
  const float y_scale = static_cast<float>(ScaleAt(run->operands[kYScale], 0));
  const int32_t r_zero = ZeroPointAt(run->operands[kRZero], 0),
                y_zero = ZeroPointAt(run->operands[kYZero], 0);
  const CodeRange range = CodesOf(y->type);
  const int64_t outputs = y->shape[1], rows = y->shape[2], columns = y->shape[3];
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t n = unit / rows / outputs, m = unit / rows % outputs;
    const ChannelScale scale = ChannelScaleOf(run, layer, m);
    for (int64_t ow = 0; ow < columns; ++ow) {
      const int64_t i = unit * columns + ow;
      const int32_t code = CodeAt(run, kY, layer, scale, n, m, unit % rows, ow);
      const double sum =
          static_cast<double>(DequantizeCode(code, scale.requantizer.zero_point, c_scale)) +
          static_cast<double>(DequantizeCode(WholeAt(r, i), r_zero, r_scale));
      StoreCode(y, i, CodeOfReal(static_cast<float>(sum) / y_scale, y_zero, range));
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "conv2d_quantized_add_reference", sizeof(CodeLayer), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, conv2d_quantized_add) = {&kinglet::reference::kOp, kinglet::reference::kKernels,
                                             1, nullptr};
