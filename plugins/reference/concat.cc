// op "concat": up to eight tensors behind each other along one axis.
//
//   x0 .. x7  any type       [..]   in, x1 .. x7 optional; of one type, alike but for the axis
//   y         the same type  [..]   out; must not alias an input
//
// Attributes: axis (int; negative counts from the end).
// Work:    one unit for each index in front of the axis.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact.
// Source:  ONNX Concat; more inputs are the loader's to group.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

constexpr uint32_t kInputs = 8, kY = 8;
struct NodeState {
  int32_t axis;
};

constexpr kl_operand kOperands[] = {Input("x0"),         OptionalInput("x1"), OptionalInput("x2"),
                                    OptionalInput("x3"), OptionalInput("x4"), OptionalInput("x5"),
                                    OptionalInput("x6"), OptionalInput("x7"), Result("y")};
constexpr kl_attribute kChannels[] = {IntAttribute("axis", 1)};
constexpr kl_attribute kLast[] = {IntAttribute("axis", -1)};
constexpr kl_case_operand kTwo[] = {Normal({2, S(1), 3}),
                                    Normal({2, S(2), 3}),
                                    Absent(),
                                    Absent(),
                                    Absent(),
                                    Absent(),
                                    Absent(),
                                    Absent(),
                                    Output({2, 9, 3})};
constexpr kl_case_operand kThree[] = {Integers({S(1), 2}, -9, 9),
                                      Integers({S(1), 1}, -9, 9),
                                      Integers({S(1), 4}, -9, 9),
                                      Absent(),
                                      Absent(),
                                      Absent(),
                                      Absent(),
                                      Absent(),
                                      Output({S(1), 7}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("channels", kChannels, kTwo, {{Fixed(1), Fixed(4), Fixed(5)}}, 1),
    Case("whole_numbers", kLast, kThree, {{Fixed(1), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("concat", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  const kl_tensor* first = node->operands[0];
  check.RequireOperand(0, IsElementType(first->type) && first->rank > 0,
                       "single elements in at least one dimension");
  int64_t axis = kl_attribute_int(node, "axis", INT64_MIN);
  check.Require(axis >= -first->rank && axis < first->rank, "attribute axis within the rank of x0",
                axis);
  if (!check.ok()) return check.code();
  if (axis < 0) axis += first->rank;
  static_cast<NodeState*>(state)->axis = static_cast<int32_t>(axis);
  int64_t shape[KL_MAX_RANK], total = 0;
  for (int32_t d = 0; d < first->rank; ++d) shape[d] = first->shape[d];
  shape[axis] = kAnyDimension;
  for (uint32_t i = 0; i < kInputs; ++i) {
    check.Type(i, first->type);
    check.Shape(i, first->rank, shape);
    if (check.ok() && !IsAbsent(node->operands[i])) total += node->operands[i]->shape[axis];
  }
  check.Type(kY, first->type);
  shape[axis] = total;
  check.Shape(kY, first->rank, shape);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* y = run->operands[kY];
  int64_t outer = kl_element_count(y) == 0 ? 0 : 1;
  for (int32_t d = 0; d < static_cast<const NodeState*>(run->state)->axis; ++d)
    outer *= y->shape[d];
  OnePhase(work, outer);
}

kl_code Run(const kl_run* run) {
  const int32_t axis = static_cast<const NodeState*>(run->state)->axis;
  const kl_tensor* y = run->operands[kY];
  uint64_t inner = kl_dtype_info_of(y->type).block_bytes;
  for (int32_t d = axis + 1; d < y->rank; ++d) inner *= static_cast<uint64_t>(y->shape[d]);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    uint8_t* to =
        static_cast<uint8_t*>(y->data) + static_cast<uint64_t>(unit * y->shape[axis]) * inner;
    for (uint32_t i = 0; i < kInputs; ++i) {
      const kl_tensor* x = run->operands[i];
      if (IsAbsent(x)) continue;
      const uint64_t bytes = static_cast<uint64_t>(x->shape[axis]) * inner;
      if (bytes == 0) continue;
      memcpy(to, static_cast<const uint8_t*>(x->data) + static_cast<uint64_t>(unit) * bytes, bytes);
      to += bytes;
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "concat_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, concat) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
