// op "relu": y = max(x, 0), elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact.
// Source:  ONNX Relu.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };

constexpr kl_operand kOperands[] = {Input("x"), Result("y", kX)};

constexpr kl_case_operand kRows[] = {Normal({S(0), S(1)}), Output({S(0), S(1)})};
constexpr kl_case_operand kImage[] = {Normal({1, S(1), 7, 5}), Output({1, S(1), 7, 5})};
constexpr kl_op_case kCases[] = {
    Case("rows", kRows, {{Range(1, 9), Range(1, 500)}}, 2),
    Case("image", kImage, {{Fixed(1), Range(1, 20)}}, 1),
};
constexpr kl_op kOp = Operator("relu", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Type(kY, KL_TYPE_F32);
  check.SameShape(kY, kX);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kX])); }

kl_code Run(const kl_run* run) {
  const int64_t length = RowElements(run->operands[kX]);
  for (int64_t r = run->begin; r < run->end; ++r) {
    const float* x = F32Row(run->operands[kX], r);
    float* y = MutableF32Row(run->operands[kY], r);
    for (int64_t i = 0; i < length; ++i) y[i] = x[i] > 0.0f ? x[i] : 0.0f;
  }
  return KL_OK;
}

constexpr kl_kernel kKernel = ReferenceKernel(kOp, "relu_f32_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, relu) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
