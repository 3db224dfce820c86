// op "arg_reduce": where along an axis the largest or smallest element lies.
//
//   x  floats or whole numbers  [..]   in
//   y  i64                      [..]   out; as x, with 1 for the axis
//
// Attributes: axis (int, 0 to rank - 1); smallest (int, default 0), last (int, default 0: the first
//             of equal elements).
// Work:    one unit for 64 elements of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact. NaN is never chosen over a number; an axis of no elements is refused.
// Source:  ONNX ArgMax, ArgMin.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
constexpr int64_t kOutputsPerUnit = 64;
struct NodeState {
  int32_t axis;
  bool smallest;
  bool last;
};

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};
constexpr kl_attribute kMiddle[] = {IntAttribute("axis", 1)};
constexpr kl_attribute kLastSmallest[] = {IntAttribute("axis", 0), IntAttribute("smallest", 1),
                                          IntAttribute("last", 1)};
constexpr kl_case_operand kCube[] = {Normal({3, S(1), S(2)}), Output({3, 1, S(2)}, KL_TYPE_I64)};
constexpr kl_case_operand kTies[] = {Integers({S(1), S(2)}, 0, 3), Output({1, S(2)}, KL_TYPE_I64)};
constexpr kl_op_case kCases[] = {
    Case("largest", kMiddle, kCube, {{Fixed(1), Range(1, 30), Range(1, 30)}}, 2),
    Case("last_smallest", kLastSmallest, kTies, {{Fixed(1), Range(1, 30), Range(1, 30)}}, 2),
};
constexpr kl_op kOp = Operator("arg_reduce", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  check.RequireOperand(kX, IsElementType(x->type), "floats or whole numbers");
  check.Type(kY, KL_TYPE_I64);
  const int64_t axis = kl_attribute_int(node, "axis", -1);
  check.Require(axis >= 0 && axis < x->rank, "attribute axis within the rank of x", axis);
  if (!check.ok()) return check.code();
  check.RequireOperand(kX, x->shape[axis] > 0, "elements along the axis");
  s->axis = static_cast<int32_t>(axis);
  s->smallest = kl_attribute_int(node, "smallest", 0) != 0;
  s->last = kl_attribute_int(node, "last", 0) != 0;
  int64_t shape[KL_MAX_RANK];
  for (int32_t d = 0; d < x->rank; ++d) shape[d] = d == s->axis ? 1 : x->shape[d];
  check.Shape(kY, x->rank, shape);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(run->operands[kY]), kOutputsPerUnit));
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  int64_t stride = 1;
  for (int32_t d = s->axis + 1; d < x->rank; ++d) stride *= x->shape[d];
  const int64_t length = x->shape[s->axis], count = kl_element_count(y);
  const int64_t end = run->end * kOutputsPerUnit < count ? run->end * kOutputsPerUnit : count;
  WithType(x->type, [&](auto zero) {
    using T = decltype(zero);
    const auto better = [s](auto a, auto b) {
      return s->smallest ? (s->last ? a <= b : a < b) : (s->last ? a >= b : a > b);
    };
    for (int64_t i = run->begin * kOutputsPerUnit; i < end; ++i) {
      const T* from = static_cast<const T*>(x->data) + i / stride * stride * length + i % stride;
      int64_t best = 0;
      for (int64_t j = 1; j < length; ++j) {
        const T candidate = from[j * stride], found = from[best * stride];
        if constexpr (kIsFloat<T>) {
          if (better(ToDouble(candidate), ToDouble(found)) || std::isnan(ToDouble(found))) best = j;
        } else {
          if (better(ToInt(candidate), ToInt(found))) best = j;
        }
      }
      static_cast<int64_t*>(y->data)[i] = best;
    }
  });
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "arg_reduce_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, arg_reduce) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                   nullptr};
