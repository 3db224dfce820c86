// op "matmul_integer": matrix products of 8-bit codes to 32-bit sums, stacks broadcast.
//
//   y[..][m][n] = sum over k of (a[m][k] - a_zero_point[m]) * (b[k][n] - b_zero_point[n])
//
//   a             i8, u8     [.., M, K]   in
//   b             i8, u8     [.., K, N]   in
//   a_zero_point  type of a  [] or [M]    in, optional
//   b_zero_point  type of b  [] or [N]    in, optional
//   y             i32        [.., M, N]   out
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact; sums beyond 32 bits wrap.
// Source:  ONNX MatMulInteger.
#include "plugins/reference/quantized_matmul.h"

namespace kinglet {
namespace reference {
namespace {

enum { kA, kB, kAZero, kBZero, kY };
constexpr CodeMatrices kCodes = {kA, kAZero, kB, kBZero, kY};

constexpr kl_operand kOperands[] = {Input("a"), Input("b"), OptionalInput("a_zero_point"),
                                    OptionalInput("b_zero_point"), Result("y")};
constexpr kl_case_operand kMatrices[] = {
    Codes(KL_TYPE_U8, {S(1), S(3)}), Codes(KL_TYPE_I8, {S(3), S(2)}), Constant(KL_TYPE_U8, {}, 12),
    Absent(), Output({S(1), S(2)}, KL_TYPE_I32)};
constexpr kl_case_operand kStacks[] = {
    Codes(KL_TYPE_U8, {2, 1, S(1), S(3)}), Codes(KL_TYPE_U8, {3, S(3), S(2)}), Absent(),
    Codes(KL_TYPE_U8, {S(2)}), Output({2, 3, S(1), S(2)}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("matrices", kMatrices, {{Fixed(1), Range(1, 20), Range(1, 20), Range(1, 50)}}, 1),
    Case("stacks", kStacks, {{Fixed(1), Range(1, 9), Range(1, 9), Range(1, 20)}}, 1),
};
constexpr kl_op kOp = Operator("matmul_integer", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kY, KL_TYPE_I32);
  PrepareCodeMatrices(node, kCodes, &check);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kY])); }

kl_code Run(const kl_run* run) {
  const kl_tensor* y = run->operands[kY];
  const int64_t columns = RowElements(y);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    for (int64_t n = 0; n < columns; ++n)
      static_cast<int32_t*>(y->data)[unit * columns + n] = CodeDot(run, kCodes, unit, n);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "matmul_integer_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, matmul_integer) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                       nullptr};
