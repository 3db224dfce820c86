// op "transpose": dimensions in another order.
//
//   y.shape[d] = x.shape[permutation[d]]
//   y[i_0, i_1, ..] = x[j_0, j_1, ..]   where j_permutation[d] = i_d
//
//   x  any element type  [..]   in
//   y  the same type     [..]   out; must not alias x
//
// Attributes: permutation (ints, each of 0 .. rank-1 once).
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact.
// Source:  ONNX Transpose.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
struct NodeState {
  int32_t permutation[KL_MAX_RANK];
};

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};

constexpr int64_t kSwap[] = {1, 0}, kToNhwc[] = {0, 2, 3, 1}, kToNchw[] = {0, 3, 1, 2},
                  kTurn[] = {2, 0, 1};
constexpr kl_attribute kSwapped[] = {IntsAttribute("permutation", kSwap)};
constexpr kl_attribute kNhwc[] = {IntsAttribute("permutation", kToNhwc)};
constexpr kl_attribute kNchw[] = {IntsAttribute("permutation", kToNchw)};
constexpr kl_attribute kTurned[] = {IntsAttribute("permutation", kTurn)};
constexpr kl_case_operand kMatrix[] = {Normal({S(1), S(2)}), Output({S(2), S(1)})};
constexpr kl_case_operand kImage[] = {Normal({2, S(1), S(2), S(3)}), Output({2, S(2), S(3), S(1)})};
constexpr kl_case_operand kBack[] = {Normal({2, S(1), S(2), S(3)}), Output({2, S(3), S(1), S(2)})};
constexpr kl_case_operand kCube[] = {Integers({S(1), S(2), S(3)}, -1000, 1000),
                                     Output({S(3), S(1), S(2)}, KL_TYPE_I32)};
constexpr kl_case_operand kBytes[] = {Fill(KL_TYPE_U8, {S(1), S(2)}, KL_FILL_INTEGERS, 0, 256),
                                      Output({S(2), S(1)}, KL_TYPE_U8)};
constexpr kl_op_case kCases[] = {
    Case("matrix", kSwapped, kMatrix, {{Fixed(1), Range(1, 60), Range(1, 60)}}, 2),
    Case("nchw_to_nhwc", kNhwc, kImage, {{Fixed(1), Range(1, 20), Range(1, 9), Range(1, 9)}}, 1),
    Case("nhwc_to_nchw", kNchw, kBack, {{Fixed(1), Range(1, 20), Range(1, 9), Range(1, 9)}}, 1),
    Case("bytes", kSwapped, kBytes, {{Fixed(1), Range(1, 60), Range(1, 60)}}, 1),
    Case("whole_numbers", kTurned, kCube, {{Fixed(1), Range(1, 9), Range(1, 9), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("transpose", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  const kl_tensor* x = node->operands[kX];
  check.RequireOperand(kX, IsElementType(x->type), "a type of single elements");
  check.Type(kY, x->type);
  check.Rank(kX, 1, KL_MAX_RANK);
  int64_t permutation[KL_MAX_RANK] = {};
  ParseInts(node, "permutation", static_cast<uint32_t>(x->rank), 0, permutation, &check);
  if (!check.ok()) return check.code();
  int64_t shape[KL_MAX_RANK];
  uint32_t seen = 0;
  for (int32_t d = 0; d < x->rank; ++d) {
    check.Require(permutation[d] < x->rank && (seen >> permutation[d] & 1u) == 0,
                  "each dimension once in attribute permutation", permutation[d]);
    if (!check.ok()) return check.code();
    seen |= 1u << permutation[d];
    shape[d] = x->shape[permutation[d]];
    static_cast<NodeState*>(state)->permutation[d] = static_cast<int32_t>(permutation[d]);
  }
  check.Shape(kY, x->rank, shape);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* y = run->operands[kY];
  OnePhase(work, kl_element_count(y) == 0 ? 0 : RowCount(y));
}

template <typename T>
void CopyStrided(const kl_tensor* x, int64_t offset, int64_t step, const kl_tensor* y, int64_t at,
                 int64_t length) {
  const T* from = static_cast<const T*>(x->data) + offset;
  T* to = static_cast<T*>(y->data) + at;
  for (int64_t i = 0; i < length; ++i) to[i] = from[i * step];
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  int64_t strides[KL_MAX_RANK];  // of x
  strides[x->rank - 1] = 1;
  for (int32_t d = x->rank - 2; d >= 0; --d) strides[d] = strides[d + 1] * x->shape[d + 1];
  const int64_t length = RowElements(y);
  const int64_t step = strides[s->permutation[y->rank - 1]];
  for (int64_t r = run->begin; r < run->end; ++r) {
    int64_t rest = r, offset = 0;
    for (int32_t d = y->rank - 2; d >= 0; --d) {
      offset += rest % y->shape[d] * strides[s->permutation[d]];
      rest /= y->shape[d];
    }
    switch (kl_dtype_info_of(x->type).block_bytes) {
      case 1:
        CopyStrided<uint8_t>(x, offset, step, y, r * length, length);
        break;
      case 2:
        CopyStrided<uint16_t>(x, offset, step, y, r * length, length);
        break;
      case 4:
        CopyStrided<uint32_t>(x, offset, step, y, r * length, length);
        break;
      default:
        CopyStrided<uint64_t>(x, offset, step, y, r * length, length);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "transpose_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, transpose) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                  nullptr};
