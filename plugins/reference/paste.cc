// op "paste": one tensor laid into another.
//
//   y = dest, but y[begin_0 + i_0, begin_1 + i_1, ..] = x[i_0, i_1, ..]
//
//   dest  any type       [..]              in, optional: without it the rest of y is what it was
//   before, anything x     the same type  [..]              in; of the same rank, not larger y the
//   same type  like dest         out; may alias dest
//
// Attributes: begins (ints, one for each dimension).
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact.
// Source:  the patches of arXiv 2110.15352; StableHLO's dynamic_update_slice.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kDest, kX, kY };
struct NodeState {
  int64_t begins[KL_MAX_RANK];
};

constexpr kl_operand kOperands[] = {OptionalInput("dest"), Input("x"), Result("y", kDest)};
constexpr int64_t kMiddle[] = {0, 1, 2}, kStart[] = {0, 0};
constexpr kl_attribute kInside[] = {IntsAttribute("begins", kMiddle)};
constexpr kl_attribute kWhole[] = {IntsAttribute("begins", kStart)};
constexpr kl_case_operand kCube[] = {Normal({2, 6, S(1)}), Normal({1, 3, 4}), Output({2, 6, S(1)})};
constexpr kl_case_operand kNumbers[] = {Integers({2, 6, S(1)}, -9, 9), Integers({2, 5, 1}, -9, 9),
                                        Output({2, 6, S(1)}, KL_TYPE_I32)};
constexpr kl_case_operand kAlone[] = {Absent(), Normal({3, S(1)}), Output({3, S(1)})};
constexpr kl_op_case kCases[] = {
    Case("inside", kInside, kCube, {{Fixed(1), Range(6, 20)}}, 2),
    Case("whole_numbers", kInside, kNumbers, {{Fixed(1), Range(3, 20)}}),
    Case("nothing_below", kWhole, kAlone, {{Fixed(1), Range(1, 20)}}),
};
constexpr kl_op kOp = Operator("paste", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* y = node->operands[kY];
  check.RequireOperand(kX, IsElementType(x->type), "a type of single elements");
  check.Type(kY, x->type);
  check.Type(kDest, x->type);
  check.Rank(kX, 1, KL_MAX_RANK);
  check.Rank(kY, x->rank, x->rank);
  if (!IsAbsent(node->operands[kDest])) check.SameShape(kY, kDest);
  if (check.ok()) ParseInts(node, "begins", static_cast<uint32_t>(x->rank), 0, s->begins, &check);
  for (int32_t d = 0; d < x->rank && check.ok(); ++d) {
    check.RequireOperand(kY,
                         x->shape[d] <= y->shape[d] && s->begins[d] <= y->shape[d] - x->shape[d],
                         "room for x at begins");
  }
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* y = run->operands[kY];
  OnePhase(work, kl_element_count(y) == 0 ? 0 : RowCount(y));
}

// The row of x that lies in row `unit` of y, or -1.
int64_t RowOfX(const NodeState& s, const kl_tensor* x, const kl_tensor* y, int64_t unit) {
  int64_t row = 0, step = 1;
  for (int32_t d = y->rank - 2; d >= 0; --d) {
    const int64_t i = unit % y->shape[d] - s.begins[d];
    if (i < 0 || i >= x->shape[d]) return -1;
    row += i * step;
    step *= x->shape[d];
    unit /= y->shape[d];
  }
  return row;
}

kl_code Run(const kl_run* run) {
  const NodeState& s = *static_cast<const NodeState*>(run->state);
  const kl_tensor* dest = run->operands[kDest];
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  const uint64_t size = kl_dtype_info_of(y->type).block_bytes;
  const uint64_t y_bytes = size * static_cast<uint64_t>(RowElements(y));
  const uint64_t x_bytes = size * static_cast<uint64_t>(RowElements(x));
  const bool copies = !IsAbsent(dest) && dest->data != y->data;
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    uint8_t* const to = static_cast<uint8_t*>(y->data) + static_cast<uint64_t>(unit) * y_bytes;
    if (copies) memcpy(to, RowPointer(dest, unit), y_bytes);
    const int64_t row = RowOfX(s, x, y, unit);
    if (row < 0 || x_bytes == 0) continue;
    memcpy(to + static_cast<uint64_t>(s.begins[y->rank - 1]) * size, RowPointer(x, row), x_bytes);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "paste_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, paste) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
