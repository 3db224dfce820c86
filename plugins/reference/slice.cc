// op "slice": every step-th element from a start, along each dimension.
//
//   y[i_0, i_1, ..] = x[begin_0 + i_0 * step_0, ..]
//
//   x       any type       [..]       in
//   starts  i64 or i32     [K]        in, optional: begin of each of the axes, known only in a run;
//                                     negative ones count from the end
//   steps   i64 or i32     [K]        in, optional, with starts
//   y       the same type  like x but for its sizes   out; must not alias x
//
// Attributes: begins, steps (ints, one for each dimension; steps may be negative), for the
//             dimensions that `axes` (ints, the K of starts; default none) does not name.
// Work:    one unit for 1024 elements.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for starts
//          and steps with which y would leave x.
// Numbers: exact.
// Source:  ONNX Slice, with its clamping already done where the starts are known; Split.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kStarts, kSteps, kY };
struct NodeState {
  int64_t begins[KL_MAX_RANK];
  int64_t steps[KL_MAX_RANK];
  int32_t axes[KL_MAX_RANK];
  int32_t axis_count;
};

constexpr kl_operand kOperands[] = {Input("x"), OptionalInput("starts"), OptionalInput("steps"),
                                    Result("y")};
constexpr int64_t kBegins[] = {1, 4}, kStepsOf[] = {1, -2}, kNone[] = {0, 0}, kOnes[] = {1, 1};
constexpr int64_t kFirstAxis[] = {0};
constexpr kl_attribute kBackwards[] = {IntsAttribute("begins", kBegins),
                                       IntsAttribute("steps", kStepsOf)};
constexpr kl_attribute kInARun[] = {IntsAttribute("begins", kNone), IntsAttribute("steps", kOnes),
                                    IntsAttribute("axes", kFirstAxis)};
constexpr kl_case_operand kMatrix[] = {Normal({9, 5}), Absent(), Absent(), Output({S(1), 3})};
constexpr kl_case_operand kDynamic[] = {Integers({9, 5}, -9, 9), Integers({1}, 0, 2),
                                        Integers({1}, 1, 3), Output({3, 5}, KL_TYPE_I32)};
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
  check.RequireOperand(kX, IsElementType(x->type), "a type of single elements");
  check.Type(kY, x->type);
  check.Rank(kY, x->rank, x->rank);
  const uint32_t rank = static_cast<uint32_t>(x->rank);
  const kl_attribute* axes = kl_find_attribute(node, "axes");
  s->axis_count = axes == nullptr ? 0 : static_cast<int32_t>(axes->count);
  const kl_attribute* begins = kl_find_attribute(node, "begins");
  const kl_attribute* steps = kl_find_attribute(node, "steps");
  for (const kl_attribute* list : {begins, steps}) {
    check.Require(list != nullptr && list->kind == KL_ATTRIBUTE_INTS && list->count == rank,
                  "attributes begins and steps with a number for each dimension", 0);
  }
  check.Require(s->axis_count <= x->rank, "at most as many axes as dimensions", s->axis_count);
  check.Require((s->axis_count > 0) == !IsAbsent(node->operands[kStarts]),
                "operand starts where there are axes, and only there", s->axis_count);
  for (const uint32_t i : {kStarts, kSteps}) {
    if (!check.ok() || IsAbsent(node->operands[i])) continue;
    check.RequireOperand(i, IsIndexType(node->operands[i]->type), "i64 or i32");
    check.Shape(i, {s->axis_count});
  }
  if (!check.ok()) return check.code();
  uint32_t dynamic = 0;
  for (int32_t k = 0; k < s->axis_count; ++k) {
    const int64_t axis = axes->ints[k];
    check.Require(axis >= 0 && axis < x->rank && (dynamic >> axis & 1u) == 0,
                  "each axis once in attribute axes", axis);
    if (!check.ok()) return check.code();
    s->axes[k] = static_cast<int32_t>(axis);
    dynamic |= 1u << axis;
  }
  for (int32_t d = 0; d < x->rank; ++d) {
    s->begins[d] = begins->ints[d];
    s->steps[d] = steps->ints[d];
    if ((dynamic >> d & 1u) != 0) continue;
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
  for (int32_t k = 0; k < s->axis_count; ++k) {
    const int32_t d = s->axes[k];
    const int64_t size = x->shape[d];
    steps[d] = IsAbsent(run->operands[kSteps]) ? 1 : IndexAt(run->operands[kSteps], k);
    int64_t begin = IndexAt(run->operands[kStarts], k);
    if (begin < 0) begin += size;
    const int64_t last = steps[d] < 0 ? size - 1 : size;
    begins[d] = begin < 0 ? 0 : begin > last ? last : begin;
    if (!Inside(size, begins[d], steps[d], y->shape[d])) return KL_INVALID_ARGUMENT;
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
