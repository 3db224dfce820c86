// op "gather": slices of x along one axis, by index.
//
//   y[.., j_0, j_1, .., ..] = x[.., indices[j_0, j_1, ..], ..]    the indices replace the axis
//
//   x        any type       [..]   in
//   indices  i64 or i32     [..]   in; negative ones count from the end
//   y        the same type  [x before the axis, indices, x after it]   out; must not alias an input
//
// Attributes: axis (int, default 0; negative counts from the end).
// Work:    one unit for each index of each slice in front of the axis.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for an
//          index outside x.
// Numbers: exact.
// Source:  ONNX Gather.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kIndices, kY };
struct NodeState {
  int32_t axis;
};

constexpr kl_operand kOperands[] = {Input("x"), Input("indices"), Result("y")};
constexpr kl_attribute kSecond[] = {IntAttribute("axis", 1)};
constexpr kl_attribute kLast[] = {IntAttribute("axis", -1)};
constexpr kl_case_operand kRows[] = {Normal({9, S(1)}), Integers({S(2)}, -9, 9),
                                     Output({S(2), S(1)})};
constexpr kl_case_operand kMiddle[] = {Normal({3, 5, S(1)}), Integers({2, S(2)}, 0, 5),
                                       Output({3, 2, S(2), S(1)})};
constexpr kl_case_operand kElements[] = {Integers({S(1), 6}, -9, 9), Integers({}, 0, 6),
                                         Output({S(1)}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("rows", kRows, {{Fixed(1), Range(1, 50), Range(1, 9)}}, 1),
    Case("middle", kSecond, kMiddle, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
    Case("one_of_each_row", kLast, kElements, {{Fixed(1), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("gather", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* indices = node->operands[kIndices];
  check.RequireOperand(kX, IsElementType(x->type) && x->rank > 0,
                       "single elements in at least one dimension");
  check.RequireOperand(kIndices, IsIndexType(indices->type), "i64 or i32");
  check.Type(kY, x->type);
  int64_t axis = kl_attribute_int(node, "axis", 0);
  check.Require(axis >= -x->rank && axis < x->rank, "attribute axis within the rank of x", axis);
  const int32_t rank = x->rank + indices->rank - 1;
  check.RequireOperand(kIndices, rank <= KL_MAX_RANK, "few enough dimensions for a result of 6");
  if (!check.ok()) return check.code();
  if (axis < 0) axis += x->rank;
  static_cast<NodeState*>(state)->axis = static_cast<int32_t>(axis);
  int64_t shape[KL_MAX_RANK];
  int32_t d = 0;
  for (int32_t i = 0; i < axis; ++i) shape[d++] = x->shape[i];
  for (int32_t i = 0; i < indices->rank; ++i) shape[d++] = indices->shape[i];
  for (int32_t i = static_cast<int32_t>(axis) + 1; i < x->rank; ++i) shape[d++] = x->shape[i];
  check.Shape(kY, rank, shape);
  return check.code();
}

int64_t Outer(const kl_run* run) {
  const kl_tensor* x = run->operands[kX];
  int64_t outer = 1;
  for (int32_t d = 0; d < static_cast<const NodeState*>(run->state)->axis; ++d)
    outer *= x->shape[d];
  return outer;
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, Outer(run) * kl_element_count(run->operands[kIndices]));
}

kl_code Run(const kl_run* run) {
  const kl_tensor* x = run->operands[kX];
  const int32_t axis = static_cast<const NodeState*>(run->state)->axis;
  const int64_t count = kl_element_count(run->operands[kIndices]), size = x->shape[axis];
  uint64_t bytes = kl_dtype_info_of(x->type).block_bytes;
  for (int32_t d = axis + 1; d < x->rank; ++d) bytes *= static_cast<uint64_t>(x->shape[d]);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    int64_t index = IndexAt(run->operands[kIndices], unit % count);
    if (index < 0) index += size;
    if (index < 0 || index >= size) return KL_INVALID_ARGUMENT;
    if (bytes == 0) continue;
    memcpy(static_cast<uint8_t*>(run->operands[kY]->data) + static_cast<uint64_t>(unit) * bytes,
           static_cast<const uint8_t*>(x->data) +
               static_cast<uint64_t>(unit / count * size + index) * bytes,
           bytes);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "gather_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, gather) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
