// op "quantize_linear": floats to 8-bit codes.
//
//   y = saturate(round(x / scale) + zero_point)      ties to even
//
//   x           f32          [..]        in
//   scale       f32          [] or [C]   in; [C]: one for each index of the axis
//   zero_point  type of y    like scale  in, optional, default 0
//   y           i8, u8       like x      out
//
// Attributes: axis (int, 0 to rank - 1, default 0).
// Work:    one unit for 1024 elements.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: the quotient in f32.
// Source:  ONNX QuantizeLinear.
#include "plugins/reference/quantized.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kScale, kZeroPoint, kY };
constexpr kl_operand kOperands[] = {Input("x"), Input("scale"), OptionalInput("zero_point"),
                                    Result("y")};
constexpr kl_attribute kSecond[] = {IntAttribute("axis", 1)};
constexpr kl_case_operand kOne[] = {Normal({S(1), 7}, 2.0), Constant(KL_TYPE_F32, {}, 0.03),
                                    Constant(KL_TYPE_U8, {}, 100), Output({S(1), 7}, KL_TYPE_U8)};
constexpr kl_case_operand kEach[] = {Normal({2, S(1), 7}, 2.0), Uniform({S(1)}, 0.01, 0.05),
                                     Absent(), Output({2, S(1), 7}, KL_TYPE_I8)};
constexpr kl_op_case kCases[] = {
    Case("one_scale", kOne, {{Fixed(1), Range(1, 90)}}, 1),
    Case("a_scale_each", kSecond, kEach, {{Fixed(1), Range(1, 20)}}, 1),
};
constexpr kl_op kOp = Operator("quantize_linear", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Type(kScale, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  check.RequireOperand(kY, IsByteType(node->operands[kY]->type), "i8 or u8");
  check.Type(kZeroPoint, node->operands[kY]->type);
  check.SameShape(kY, kX);
  ReadChannels(node, kX, kScale, kZeroPoint, &check, static_cast<Channels*>(state));
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { ElementWork(run->operands[kY], work); }

kl_code Run(const kl_run* run) {
  const Channels* s = static_cast<const Channels*>(run->state);
  const float* x = static_cast<const float*>(run->operands[kX]->data);
  const kl_tensor* y = run->operands[kY];
  const CodeRange range = CodesOf(y->type);
  const int64_t end = EndElement(run, y);
  for (int64_t i = FirstElement(run); i < end; ++i) {
    const int64_t channel = i / s->inner % s->channels;
    const float scale = static_cast<float>(ScaleAt(run->operands[kScale], channel));
    StoreCode(y, i,
              QuantizeNumber(x[i], scale, ZeroPointAt(run->operands[kZeroPoint], channel), range));
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "quantize_linear_reference", sizeof(Channels), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, quantize_linear) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                        nullptr};
