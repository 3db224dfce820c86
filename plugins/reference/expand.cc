// op "expand": x repeated along its dimensions.
//
//   y[i_0, i_1, ..] = x[i_0 mod x.shape[0], ..]   dimensions meet from the right; x may have fewer
//
//   x  any type       [..]   in
//   y  the same type  [..]   out; each dimension a multiple of x's; must not alias x
//
// Work:    one unit for 1024 elements.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact.
// Source:  ONNX Expand (dimensions that are equal or 1) and Tile.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};
constexpr kl_case_operand kBroadcast[] = {Normal({S(1), 1}), Output({3, S(1), S(2)})};
constexpr kl_case_operand kTile[] = {Integers({2, 3}, -9, 9), Output({4, 9}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("broadcast", kBroadcast, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 2),
    Case("tile", kTile),
};
constexpr kl_op kOp = Operator("expand", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* y = node->operands[kY];
  check.RequireOperand(kX, IsElementType(x->type), "a type of single elements");
  check.Type(kY, x->type);
  check.RequireOperand(kY, y->rank >= x->rank, "at least the rank of x");
  if (!check.ok()) return check.code();
  for (int32_t d = 1; d <= x->rank; ++d) {
    const int64_t of_x = x->shape[x->rank - d], of_y = y->shape[y->rank - d];
    check.RequireOperand(kY, of_x == 0 ? of_y == 0 : of_y % of_x == 0,
                         "dimensions that are multiples of those of x");
  }
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { ElementWork(run->operands[kY], work); }

kl_code Run(const kl_run* run) {
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  const uint32_t size = kl_dtype_info_of(x->type).block_bytes;
  int64_t strides[KL_MAX_RANK], position[KL_MAX_RANK];
  StridesOf(x, strides);
  const int64_t end = EndElement(run, y);
  for (int64_t i = FirstElement(run); i < end; ++i) {
    Unravel(i, y, position);
    int64_t from = 0;
    for (int32_t d = 0; d < x->rank; ++d)
      from += position[y->rank - x->rank + d] % x->shape[d] * strides[d];
    CopyElement(x, from, y, i, size);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel = ReferenceKernel(kOp, "expand_any_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, expand) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
