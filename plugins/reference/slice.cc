// op "slice": every step-th element from a start, along each dimension.
//
//   y[i_0, i_1, ..] = x[begin_0 + i_0 * step_0, ..]
//
//   x       any type       [..]       in
//   starts  i64 or i32     [K]        in, optional: begin of each of the axes, known only in a run;
//                                     negative ones count from the end
//   axes    i64 or i32     [K]        in, optional, with starts; default 0 .. K-1
//   steps   i64 or i32     [K]        in, optional, with starts; default 1
//   y       the same type  like x but for its sizes   out; must not alias x
//
// Attributes: begins, steps (ints, one for each dimension; steps may be negative): of the
// dimensions
//             that the operands do not give.
// Work:    one unit for 1024 elements.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for
// starts,
//          axes and steps with which y would leave x.
// Numbers: exact.
// Source:  ONNX Slice, with its clamping already done where the starts are known; Split.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kStarts, kAxes, kSteps, kY };
struct NodeState {
  int64_t begins[KL_MAX_RANK];
  int64_t steps[KL_MAX_RANK];
};

constexpr kl_operand kOperands[] = {Input("x"), OptionalInput("starts"), OptionalInput("axes"),
                                    OptionalInput("steps"), Result("y")};
constexpr int64_t kBegins[] = {1, 4}, kStepsOf[] = {1, -2}, kNone[] = {0, 0}, kOnes[] = {1, 1};
constexpr kl_attribute kBackwards[] = {IntsAttribute("begins", kBegins),
                                       IntsAttribute("steps", kStepsOf)};
constexpr kl_attribute kInARun[] = {IntsAttribute("begins", kNone), IntsAttribute("steps", kOnes)};
constexpr kl_case_operand kMatrix[] = {Normal({9, 5}), Absent(), Absent(), Absent(),
                                       Output({S(1), 3})};
constexpr kl_case_operand kDynamic[] = {Integers({9, 5}, -9, 9), Integers({1}, 0, 2),
                                        Integers({1}, 0, 1), Integers({1}, 1, 3),
                                        Output({3, 5}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("backwards", kBackwards, kMatrix, {{Fixed(1), Range(1, 8)}}, 2),
    Case("known_in_a_run", kInARun, kDynamic),
};
constexpr kl_op kOp = Operator("slice", kOperands, kCases);

bool Inside(int64_t size, int64_t begin, int64_t step, int64_t count) {
  if (count == 0) return true;
  int64_t reach = 0;
  if (__builtin_mul_overflow(count - 1, step, &reach)) return false;
  if (begin < 0 || begin >= size) return false;
  return reach >= -begin && reach < size - begin;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* y = node->operands[kY];
  const kl_tensor* starts = node->operands[kStarts];
  check.RequireOperand(kX, IsElementType(x->type), "a type of single elements");
  check.Type(kY, x->type);
  check.Rank(kY, x->rank, x->rank);
  const kl_attribute* begins = kl_find_attribute(node, "begins");
  const kl_attribute* steps = kl_find_attribute(node, "steps");
  for (const kl_attribute* list : {begins, steps}) {
    check.Require(list != nullptr && list->kind == KL_ATTRIBUTE_INTS &&
                      list->count == static_cast<uint32_t>(x->rank),
                  "attributes begins and steps with a number for each dimension", 0);
  }
  check.Rank(kStarts, 1, 1);
  for (const uint32_t i : {kStarts, kAxes, kSteps}) {
    if (!check.ok() || IsAbsent(node->operands[i])) continue;
    check.RequireOperand(i, IsIndexType(node->operands[i]->type) && !IsAbsent(starts),
                         "i64 or i32, and starts beside it");
    check.Shape(i, {starts->shape[0]});
    check.RequireOperand(i, starts->shape[0] <= x->rank, "no more axes than x has");
  }
  for (int32_t d = 0; d < x->rank && check.ok(); ++d) {
    s->begins[d] = begins->ints[d];
    s->steps[d] = steps->ints[d];
    if (!IsAbsent(starts)) continue;
    check.RequireOperand(kY, Inside(x->shape[d], s->begins[d], s->steps[d], y->shape[d]),
                         "no more elements than begins and steps find in x");
  }
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { ElementWork(run->operands[kY], work); }

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  int64_t begins[KL_MAX_RANK], steps[KL_MAX_RANK];
  memcpy(begins, s->begins, sizeof begins);
  memcpy(steps, s->steps, sizeof steps);
  const kl_tensor* starts = run->operands[kStarts];
  for (int64_t k = 0; !IsAbsent(starts) && k < starts->shape[0]; ++k) {
    int64_t d = IsAbsent(run->operands[kAxes]) ? k : IndexAt(run->operands[kAxes], k);
    if (d < 0) d += x->rank;
    if (d < 0 || d >= x->rank) return KL_INVALID_ARGUMENT;
    const int64_t length = x->shape[d];
    steps[d] = IsAbsent(run->operands[kSteps]) ? 1 : IndexAt(run->operands[kSteps], k);
    const int64_t begin = IndexAt(starts, k) + (IndexAt(starts, k) < 0 ? length : 0);
    const int64_t last = steps[d] < 0 ? length - 1 : length;
    begins[d] = begin < 0 ? 0 : begin > last ? last : begin;
  }
  for (int32_t d = 0; d < x->rank; ++d) {
    if (!Inside(x->shape[d], begins[d], steps[d], y->shape[d])) return KL_INVALID_ARGUMENT;
  }
  const uint32_t size = kl_dtype_info_of(x->type).block_bytes;
  int64_t strides[KL_MAX_RANK], position[KL_MAX_RANK];
  StridesOf(x, strides);
  const int64_t end = EndElement(run, y);
  for (int64_t i = FirstElement(run); i < end; ++i) {
    Unravel(i, y, position);
    int64_t from = 0;
    for (int32_t d = 0; d < x->rank; ++d) from += (begins[d] + position[d] * steps[d]) * strides[d];
    CopyElement(x, from, y, i, size);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "slice_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, slice) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
