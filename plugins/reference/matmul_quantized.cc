// op "matmul_quantized": matrix products from 8-bit codes to 8-bit codes, stacks broadcast.
//
//   sum = sum over k of (a[m][k] - a_zero_point[m]) * (b[k][n] - b_zero_point[n])
//   y   = saturate(requantise(sum * a_scale[m] * b_scale[n] / y_scale) + y_zero_point)
//
//   a             i8, u8     [.., M, K]   in
//   a_scale       f32        [] or [M]    in
//   a_zero_point  type of a  [] or [M]    in
//   b             i8, u8     [.., K, N]   in
//   b_scale       f32        [] or [N]    in
//   b_zero_point  type of b  [] or [N]    in
//   y_scale       f32        []           in
//   y_zero_point  type of y  []           in
//   y             i8, u8     [.., M, N]   out
//
// Attributes: fixed_point (int, default 0): how sums become codes
//             (plugins/common/fixed_point.h).
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: plugins/common/fixed_point.h. Kernels may differ from this one by one code.
// Source:  ONNX QLinearMatMul.
#include "plugins/reference/quantized_matmul.h"

namespace kinglet {
namespace reference {
namespace {

enum { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero, kY };
constexpr CodeMatrices kCodes = {kA, kAZero, kB, kBZero, kY};

constexpr kl_operand kOperands[] = {Input("a"),       Input("a_scale"),      Input("a_zero_point"),
                                    Input("b"),       Input("b_scale"),      Input("b_zero_point"),
                                    Input("y_scale"), Input("y_zero_point"), Result("y")};
constexpr kl_case_operand kMatrices[] = {
    Codes(KL_TYPE_U8, {S(1), S(3)}), Constant(KL_TYPE_F32, {}, 0.02),
    Constant(KL_TYPE_U8, {}, 120),   Codes(KL_TYPE_U8, {S(3), S(2)}),
    Uniform({S(2)}, 0.01, 0.03),     Constant(KL_TYPE_U8, {S(2)}, 131),
    Constant(KL_TYPE_F32, {}, 0.9),  Constant(KL_TYPE_U8, {}, 128),
    Output({S(1), S(2)}, KL_TYPE_U8)};
constexpr kl_attribute kTflite[] = {IntAttribute("fixed_point", 1)};
constexpr kl_case_operand kSignedColumns[] = {
    Codes(KL_TYPE_I8, {2, S(1), S(3)}), Constant(KL_TYPE_F32, {}, 0.02),
    Constant(KL_TYPE_I8, {}, -7),       Codes(KL_TYPE_I8, {S(3), S(2)}),
    Uniform({S(2)}, 0.01, 0.03),        Constant(KL_TYPE_I8, {S(2)}, 0),
    Constant(KL_TYPE_F32, {}, 0.9),     Constant(KL_TYPE_I8, {}, 12),
    Output({2, S(1), S(2)}, KL_TYPE_I8)};
constexpr kl_case_operand kUnsignedOne[] = {
    Codes(KL_TYPE_U8, {S(1), S(3)}), Constant(KL_TYPE_F32, {}, 0.02),
    Constant(KL_TYPE_U8, {}, 120),   Codes(KL_TYPE_U8, {S(3), S(2)}),
    Constant(KL_TYPE_F32, {}, 0.02), Constant(KL_TYPE_U8, {}, 131),
    Constant(KL_TYPE_F32, {}, 0.9),  Constant(KL_TYPE_U8, {}, 128),
    Output({S(1), S(2)}, KL_TYPE_U8)};
constexpr kl_op_case kCases[] = {
    Case("signed_columns", kSignedColumns, {{Fixed(1), Range(1, 20), Range(1, 40), Range(1, 90)}},
         2),
    Case("signed_fixed_point", kTflite, kSignedColumns,
         {{Fixed(1), Range(1, 20), Range(1, 40), Range(1, 90)}}, 1),
    Case("unsigned_one_scale", kUnsignedOne, {{Fixed(1), Range(1, 20), Range(1, 40), Range(1, 90)}},
         2),
    Case("matrices", kMatrices, {{Fixed(1), Range(1, 20), Range(1, 20), Range(1, 50)}}, 2),
};
constexpr kl_op kOp = Operator("matmul_quantized", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  PrepareCodeMatrices(node, kCodes, &check);
  for (const uint32_t i : {kAScale, kBScale, kYScale}) check.Type(i, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  const kl_tensor* a = node->operands[kA];
  check.RequireOperand(kY, IsByteType(node->operands[kY]->type), "i8 or u8");
  check.Type(kYZero, node->operands[kY]->type);
  CheckOneOrCount(node, kAScale, a->shape[a->rank - 2], &check);
  CheckOneOrCount(node, kBScale, RowElements(node->operands[kB]), &check);
  CheckOneOrCount(node, kYScale, 1, &check);
  CheckOneOrCount(node, kYZero, 1, &check);
  *static_cast<bool*>(state) = kl_attribute_int(node, "fixed_point", 0) != 0;
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kY])); }

kl_code Run(const kl_run* run) {
  const bool fixed_point = *static_cast<const bool*>(run->state);
  const kl_tensor* y = run->operands[kY];
  const int64_t rows = y->shape[y->rank - 2], columns = RowElements(y);
  const int32_t zero = ZeroPointAt(run->operands[kYZero], 0);
  const double y_scale = ScaleAt(run->operands[kYScale], 0);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const double a_scale = ScaleAt(run->operands[kAScale], unit % rows);
    for (int64_t n = 0; n < columns; ++n) {
      const Requantizer requantizer =
          MakeRequantizer(a_scale * ScaleAt(run->operands[kBScale], n) / y_scale, fixed_point, zero,
                          CodesOf(y->type));
      StoreCode(y, unit * columns + n, Requantize(requantizer, CodeDot(run, kCodes, unit, n)));
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "matmul_quantized_reference", sizeof(bool), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, matmul_quantized) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                         nullptr};
