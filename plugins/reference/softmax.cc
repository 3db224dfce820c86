// op "softmax": exponentials of one axis, divided by their sum.
//
//   y[i] = exp(x[i] - max) / sum over j of exp(x[j] - max)      along the axis
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Attributes: axis (int, default -1; negative counts from the end).
// Work:    one unit for each run of elements along the axis.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX Softmax, operator set 13.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
struct NodeState {
  int32_t axis;
};

constexpr kl_operand kOperands[] = {Input("x"), Result("y", kX)};

constexpr kl_attribute kLast[] = {IntAttribute("axis", -1)};
constexpr kl_attribute kMiddle[] = {IntAttribute("axis", 1)};
constexpr kl_attribute kFirst[] = {IntAttribute("axis", 0)};
constexpr kl_case_operand kRows[] = {Normal({S(0), S(1)}, 3.0), Output({S(0), S(1)})};
constexpr kl_case_operand kLarge[] = {Normal({S(0), S(1)}, 100.0, 500.0), Output({S(0), S(1)})};
constexpr kl_case_operand kCube[] = {Normal({3, S(1), S(2)}, 3.0), Output({3, S(1), S(2)})};
constexpr kl_op_case kCases[] = {
    Case("one_row", kLast, kRows, {{Fixed(1), Range(1, 1500)}}, 2),
    Case("rows", kRows, {{Range(2, 20), Range(1, 300)}}, 2),
    Case("large_values", kLast, kLarge, {{Range(1, 9), Range(1, 300)}}, 1),
    Case("middle_axis", kMiddle, kCube, {{Fixed(1), Range(1, 20), Range(1, 20)}}, 1),
    Case("first_axis", kFirst, kCube, {{Fixed(1), Range(1, 20), Range(1, 20)}}, 1),
};
constexpr kl_op kOp = Operator("softmax", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Rank(kX, 1, KL_MAX_RANK);
  check.Type(kY, KL_TYPE_F32);
  check.SameShape(kY, kX);
  if (!check.ok()) return check.code();
  const int64_t rank = node->operands[kX]->rank;
  const int64_t axis = kl_attribute_int(node, "axis", -1);
  check.Require(axis >= -rank && axis < rank, "attribute axis within the rank of x", axis);
  static_cast<NodeState*>(state)->axis = static_cast<int32_t>(axis < 0 ? axis + rank : axis);
  return check.code();
}

// Product of the dimensions after the axis: the distance of neighbours along it.
int64_t Stride(const kl_run* run) {
  const kl_tensor* x = run->operands[kX];
  int64_t stride = 1;
  for (int32_t d = static_cast<const NodeState*>(run->state)->axis + 1; d < x->rank; ++d)
    stride *= x->shape[d];
  return stride;
}

int64_t Length(const kl_run* run) {
  return run->operands[kX]->shape[static_cast<const NodeState*>(run->state)->axis];
}

void Work(const kl_run* run, kl_work* work) {
  const int64_t elements = kl_element_count(run->operands[kX]);
  OnePhase(work, elements == 0 ? 0 : elements / Length(run));
}

kl_code Run(const kl_run* run) {
  const int64_t stride = Stride(run), length = Length(run);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t first = unit / stride * stride * length + unit % stride;
    const float* x = static_cast<const float*>(run->operands[kX]->data) + first;
    float* y = static_cast<float*>(run->operands[kY]->data) + first;
    double largest = -INFINITY, total = 0.0;
    for (int64_t i = 0; i < length; ++i)
      largest = x[i * stride] > largest ? x[i * stride] : largest;
    for (int64_t i = 0; i < length; ++i) total += std::exp(x[i * stride] - largest);
    for (int64_t i = 0; i < length; ++i) {
      y[i * stride] = static_cast<float>(std::exp(x[i * stride] - largest) / total);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "softmax_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, softmax) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
