// op "conv2d_integer": convolution of 8-bit codes to 32-bit sums.
//
//   y[n][m][oh][ow] = sum of (x - x_zero_point) * (w - w_zero_point[m]) over the window
//
//   x             i8, u8     [N, C, H, W]           in
//   w             i8, u8     [M, C/group, KH, KW]   in
//   x_zero_point  type of x  []                     in, optional
//   w_zero_point  type of w  [] or [M]              in, optional
//   y             i32        [N, M, OH, OW]         out
//
// Attributes: those of conv2d but for the clamp.
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact; sums beyond 32 bits wrap.
// Source:  ONNX ConvInteger.
#include "plugins/reference/quantized_window.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kW, kXZero, kWZero, kY };
constexpr CodeOperands kCodes = {kX, kXZero, kW, kWZero, kY};

constexpr kl_operand kOperands[] = {Input("x"), Input("w"), OptionalInput("x_zero_point"),
                                    OptionalInput("w_zero_point"), Result("y")};
constexpr int64_t kOnes[] = {1, 1}, kPads[] = {1, 1, 1, 1};
constexpr kl_attribute kSame[] = {IntsAttribute("strides", kOnes), IntsAttribute("pads", kPads),
                                  IntsAttribute("dilations", kOnes)};
constexpr kl_case_operand kUnsigned[] = {
    Codes(KL_TYPE_U8, {1, S(1), 7, 6}), Codes(KL_TYPE_I8, {S(2), S(1), 3, 3}),
    Constant(KL_TYPE_U8, {}, 12), Absent(), Output({1, S(2), 7, 6}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("unsigned", kSame, kUnsigned, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("conv2d_integer", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kY, KL_TYPE_I32);
  PrepareCodes(node, kCodes, static_cast<CodeConvolution*>(state), &check);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kY])); }

kl_code Run(const kl_run* run) {
  const CodeConvolution& convolution = *static_cast<const CodeConvolution*>(run->state);
  const kl_tensor* y = run->operands[kY];
  const int64_t outputs = y->shape[1], rows = y->shape[2], columns = y->shape[3];
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    for (int64_t ow = 0; ow < columns; ++ow) {
      static_cast<int32_t*>(y->data)[unit * columns + ow] = CodeSum(
          run, kCodes, convolution, unit / rows / outputs, unit / rows % outputs, unit % rows, ow);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "conv2d_integer_reference", sizeof(CodeConvolution), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, conv2d_integer) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                       nullptr};
