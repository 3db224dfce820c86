// op "select_rows": some rows of a matrix.
//
//   y[o] = x[rows[o]]
//
//   x     f32  [T, D]   in
//   rows  i32  [O]      in; 0 <= row < T
//   y     f32  [O, D]   out
//
// Work:    O units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for a row
//          outside x.
// Numbers: exact.
// Source:  ONNX Gather along axis 0.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kRows, kY };

constexpr kl_operand kOperands[] = {Input("x"), Input("rows"), Result("y")};

constexpr kl_case_operand kOne[] = {Normal({9, S(1)}), Integers({1}, 0, 9), Output({1, S(1)})};
constexpr kl_case_operand kMany[] = {Normal({9, S(1)}), Integers({S(0)}, 0, 9),
                                     Output({S(0), S(1)})};
constexpr kl_op_case kCases[] = {
    Case("one_row", kOne, {{Fixed(1), Range(1, 500)}}, 1),
    Case("rows", kMany, {{Range(1, 12), Range(1, 500)}}, 2),
};
constexpr kl_op kOp = Operator("select_rows", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Rank(kX, 2, 2);
  check.Type(kRows, KL_TYPE_I32);
  check.Rank(kRows, 1, 1);
  check.Type(kY, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  check.Shape(kY, {node->operands[kRows]->shape[0], node->operands[kX]->shape[1]});
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, run->operands[kRows]->shape[0]); }

kl_code Run(const kl_run* run) {
  const int32_t* rows = I32Row(run->operands[kRows], 0);
  const int64_t length = RowElements(run->operands[kX]);
  for (int64_t o = run->begin; o < run->end; ++o) {
    if (rows[o] < 0 || rows[o] >= run->operands[kX]->shape[0]) return KL_INVALID_ARGUMENT;
    memcpy(MutableF32Row(run->operands[kY], o), F32Row(run->operands[kX], rows[o]),
           static_cast<size_t>(length) * sizeof(float));
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "select_rows_f32_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, select_rows) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                    nullptr};
