// op "top_k": the k largest or smallest elements along an axis, best first.
//
//   x        floats or whole numbers  [..]   in
//   values   the same type            [..]   out; as x, with k for the axis
//   indices  i64                      like values   out; where along the axis they were
//
// Attributes: axis (int, 0 to rank - 1); smallest (int, default 0).
// Work:    one unit for each run of elements along the axis. Scratch: 8 bytes an element of the
//          axis for each worker.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact. Equal elements in the order of x; NaN counts as larger than every number.
// Source:  ONNX TopK.
#include <algorithm>

#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kValues, kIndices };
struct NodeState {
  int32_t axis;
  bool smallest;
};

constexpr kl_operand kOperands[] = {Input("x"), Result("values"), Result("indices")};
constexpr kl_attribute kLargest[] = {IntAttribute("axis", 1)};
constexpr kl_attribute kSmallest[] = {IntAttribute("axis", 0), IntAttribute("smallest", 1)};
constexpr kl_case_operand kRows[] = {Normal({S(1), 40}), Output({S(1), 7}),
                                     Output({S(1), 7}, KL_TYPE_I64)};
constexpr kl_case_operand kTies[] = {Integers({9, S(1)}, 0, 4), Output({9, S(1)}, KL_TYPE_I32),
                                     Output({9, S(1)}, KL_TYPE_I64)};
constexpr kl_op_case kCases[] = {
    Case("largest", kLargest, kRows, {{Fixed(1), Range(1, 30)}}, 2),
    Case("all_with_ties", kSmallest, kTies, {{Fixed(1), Range(1, 30)}}, 1),
};
constexpr kl_op kOp = Operator("top_k", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  check.RequireOperand(kX, IsElementType(x->type), "floats or whole numbers");
  check.Type(kValues, x->type);
  check.Type(kIndices, KL_TYPE_I64);
  const int64_t axis = kl_attribute_int(node, "axis", -1);
  check.Require(axis >= 0 && axis < x->rank, "attribute axis within the rank of x", axis);
  check.Rank(kValues, x->rank, x->rank);
  if (!check.ok()) return check.code();
  s->axis = static_cast<int32_t>(axis);
  s->smallest = kl_attribute_int(node, "smallest", 0) != 0;
  int64_t shape[KL_MAX_RANK];
  for (int32_t d = 0; d < x->rank; ++d) shape[d] = x->shape[d];
  shape[axis] = node->operands[kValues]->shape[axis];
  check.RequireOperand(kValues, shape[axis] <= x->shape[axis], "no more elements than x has");
  check.Shape(kValues, x->rank, shape);
  check.Shape(kIndices, x->rank, shape);
  requirements->worker_scratch_bytes = static_cast<uint64_t>(x->shape[axis]) * sizeof(int64_t);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* values = run->operands[kValues];
  const int64_t k = values->shape[static_cast<const NodeState*>(run->state)->axis];
  OnePhase(work, k == 0 ? 0 : kl_element_count(values) / k);
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* values = run->operands[kValues];
  int64_t stride = 1;
  for (int32_t d = s->axis + 1; d < x->rank; ++d) stride *= x->shape[d];
  const int64_t length = x->shape[s->axis], k = values->shape[s->axis];
  int64_t* order = static_cast<int64_t*>(run->worker_scratch);
  WithType(x->type, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t unit = run->begin; unit < run->end; ++unit) {
      const int64_t outer = unit / stride, inner = unit % stride;
      const T* from = static_cast<const T*>(x->data) + outer * stride * length + inner;
      const auto less = [&](int64_t a, int64_t b) {
        if constexpr (kIsFloat<T>) {
          const double p = ToDouble(from[a * stride]), q = ToDouble(from[b * stride]);
          return std::isnan(q) ? !std::isnan(p) : p < q;
        } else {
          return ToInt(from[a * stride]) < ToInt(from[b * stride]);
        }
      };
      const auto before = [&](int64_t a, int64_t b) {
        if (s->smallest ? less(a, b) : less(b, a)) return true;
        if (s->smallest ? less(b, a) : less(a, b)) return false;
        return a < b;
      };
      for (int64_t i = 0; i < length; ++i) order[i] = i;
      std::partial_sort(order, order + k, order + length, before);
      for (int64_t i = 0; i < k; ++i) {
        const int64_t to = outer * stride * k + i * stride + inner;
        static_cast<T*>(values->data)[to] = from[order[i] * stride];
        static_cast<int64_t*>(run->operands[kIndices]->data)[to] = order[i];
      }
    }
  });
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "top_k_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, top_k) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
