// op "dequantize_linear": codes to floats.
//
//   y = (x - zero_point) * scale
//
//   x           i8, u8, i16, i32  [..]        in
//   scale       f32               [] or [C]   in; [C]: one for each index of the axis
//   zero_point  type of x         like scale  in, optional, default 0
//   y           f32               like x      out
//
// Attributes: axis (int, 0 to rank - 1, default 0).
// Work:    one unit for 1024 elements.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: the difference exact, the product rounded once.
// Source:  ONNX DequantizeLinear.
#include "plugins/reference/quantized.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kScale, kZeroPoint, kY };
constexpr kl_operand kOperands[] = {Input("x"), Input("scale"), OptionalInput("zero_point"),
                                    Result("y")};
constexpr kl_attribute kSecond[] = {IntAttribute("axis", 1)};
constexpr kl_case_operand kOne[] = {Codes(KL_TYPE_U8, {S(1), 7}), Constant(KL_TYPE_F32, {}, 0.03),
                                    Constant(KL_TYPE_U8, {}, 100), Output({S(1), 7})};
constexpr kl_case_operand kEach[] = {Codes(KL_TYPE_I8, {2, S(1), 7}), Uniform({S(1)}, 0.01, 0.05),
                                     Absent(), Output({2, S(1), 7})};
constexpr kl_case_operand kSums[] = {Integers({S(1), 7}, -9999, 9999),
                                     Constant(KL_TYPE_F32, {}, 0.03), Absent(), Output({S(1), 7})};
constexpr kl_op_case kCases[] = {
    Case("one_scale", kOne, {{Fixed(1), Range(1, 90)}}, 1),
    Case("a_scale_each", kSecond, kEach, {{Fixed(1), Range(1, 20)}}, 1),
    Case("sums", kSums, {{Fixed(1), Range(1, 20)}}, 1),
};
constexpr kl_op kOp = Operator("dequantize_linear", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kScale, KL_TYPE_F32);
  check.Type(kY, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  const kl_tensor* x = node->operands[kX];
  check.RequireOperand(kX, IsByteType(x->type) || x->type == KL_TYPE_I16 || x->type == KL_TYPE_I32,
                       "i8, u8, i16 or i32");
  check.Type(kZeroPoint, x->type);
  check.SameShape(kY, kX);
  ReadChannels(node, kX, kScale, kZeroPoint, &check, static_cast<Channels*>(state));
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { ElementWork(run->operands[kY], work); }

kl_code Run(const kl_run* run) {
  const Channels* s = static_cast<const Channels*>(run->state);
  const kl_tensor* x = run->operands[kX];
  float* y = static_cast<float*>(run->operands[kY]->data);
  const int64_t end = EndElement(run, run->operands[kY]);
  for (int64_t i = FirstElement(run); i < end; ++i) {
    const int64_t channel = i / s->inner % s->channels;
    y[i] = DequantizeCode(WholeAt(x, i), ZeroPointAt(run->operands[kZeroPoint], channel),
                          ScaleAt(run->operands[kScale], channel));
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "dequantize_linear_reference", sizeof(Channels), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, dequantize_linear) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                          nullptr};
