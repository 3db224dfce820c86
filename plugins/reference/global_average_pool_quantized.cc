// op "global_average_pool_quantized": the mean of each image plane, from codes to codes.
//
//   y[n][c] = quantize_linear(global_average_pool(dequantize_linear(x)))
//
//   x             i8, u8     [N, C, H, W]   in
//   x_scale       f32        []             in
//   x_zero_point  type of x  []             in
//   y_scale       f32        []             in
//   y_zero_point  type of y  []             in
//   y             i8, u8     [N, C, 1, 1]   out
//
// So that the last image of a network is nowhere in f32.
// Work:    one unit a plane.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: those of the operators that it stands for, one after the other.
// Source:  ONNX Runtime's QLinearGlobalAveragePool; TFLite MEAN of codes.
#include "plugins/reference/quantized.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kXScale, kXZero, kYScale, kYZero, kY };

constexpr kl_operand kOperands[] = {Input("x"),       Input("x_scale"),      Input("x_zero_point"),
                                    Input("y_scale"), Input("y_zero_point"), Result("y")};
constexpr kl_case_operand kPlanes[] = {Codes(KL_TYPE_I8, {S(3), S(1), S(2), 5}),
                                       Constant(KL_TYPE_F32, {}, 0.03),
                                       Constant(KL_TYPE_I8, {}, -7),
                                       Constant(KL_TYPE_F32, {}, 0.01),
                                       Constant(KL_TYPE_U8, {}, 99),
                                       Output({S(3), S(1), 1, 1}, KL_TYPE_U8)};
constexpr kl_op_case kCases[] = {
    Case("planes", kPlanes, {{Fixed(1), Range(1, 70), Range(1, 12), Range(1, 3)}}, 2),
};
constexpr kl_op kOp = Operator("global_average_pool_quantized", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  check.Rank(kX, 4, 4);
  for (const uint32_t i : {kXScale, kYScale}) check.Type(i, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* y = node->operands[kY];
  check.RequireOperand(kX, IsByteType(x->type), "i8 or u8");
  check.RequireOperand(kY, IsByteType(y->type), "i8 or u8");
  check.Type(kXZero, x->type);
  check.Type(kYZero, y->type);
  for (const uint32_t i : {kXScale, kXZero, kYScale, kYZero}) CheckOneOrCount(node, i, 1, &check);
  check.RequireOperand(kX, x->shape[2] > 0 && x->shape[3] > 0, "an image that is not empty");
  check.Shape(kY, {x->shape[0], x->shape[1], 1, 1});
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, kl_element_count(run->operands[kY])); }

kl_code Run(const kl_run* run) {
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  const int64_t pixels = x->shape[2] * x->shape[3];
  const double x_scale = ScaleAt(run->operands[kXScale], 0);
  const float y_scale = static_cast<float>(ScaleAt(run->operands[kYScale], 0));
  const int32_t x_zero = ZeroPointAt(run->operands[kXZero], 0),
                y_zero = ZeroPointAt(run->operands[kYZero], 0);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    double sum = 0.0;
    for (int64_t i = 0; i < pixels; ++i)
      sum += DequantizeCode(WholeAt(x, unit * pixels + i), x_zero, x_scale);
    const float mean = static_cast<float>(sum / static_cast<double>(pixels));
    StoreCode(y, unit, QuantizeNumber(mean, y_scale, y_zero, CodesOf(y->type)));
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "global_average_pool_quantized_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, global_average_pool_quantized) = {&kinglet::reference::kOp,
                                                      kinglet::reference::kKernels, 1, nullptr};
