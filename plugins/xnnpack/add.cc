// op "add" with numpy broadcasting, which XNNPACK does itself.
//
// The contract is that of plugins/reference/add.cc. The AVX microkernels load the last elements
// under a mask and so stay inside a and b; the SSE ones do not, hence the kernel asks for AVX2.
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kA, kB, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};
static_assert(XNN_MAX_TENSOR_DIMS >= KL_MAX_RANK, "every rank fits");

struct Shape {
  explicit Shape(const kl_tensor* tensor) : rank(static_cast<size_t>(tensor->rank)) {
    for (size_t d = 0; d < rank; ++d) dimension[d] = static_cast<size_t>(tensor->shape[d]);
  }
  size_t rank;
  size_t dimension[KL_MAX_RANK];
};

// Size of dimension d from the end, 1 where the tensor has none.
int64_t FromEnd(const kl_tensor* tensor, int32_t d) {
  return d < tensor->rank ? tensor->shape[tensor->rank - 1 - d] : 1;
}

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* a = node->operands[kA];
  const kl_tensor* b = node->operands[kB];
  const kl_tensor* y = node->operands[kY];
  bool fits = y->rank == (a->rank > b->rank ? a->rank : b->rank);
  for (int32_t d = 0; fits && d < y->rank; ++d) {
    const int64_t of_a = FromEnd(a, d), of_b = FromEnd(b, d);
    fits = (of_a == of_b || of_a == 1 || of_b == 1) && FromEnd(y, d) == (of_a == 1 ? of_b : of_a);
  }
  return fits ? KL_OK : Decline(node, "operands that broadcast to the shape of y", error);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  kl_code code = Supports(node, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  return CheckStatus(node, "xnn_create_add_nd_f32",
                     xnn_create_add_nd_f32(-INFINITY, INFINITY, /*flags=*/0,
                                           &static_cast<OperatorState*>(state)->op),
                     error);
}

kl_code Run(const kl_run* run) {
  const xnn_operator_t op = static_cast<OperatorState*>(run->state)->op;
  const Shape a(run->operands[kA]), b(run->operands[kB]);
  return RunOperator(
      xnn_setup_add_nd_f32(op, a.rank, a.dimension, b.rank, b.dimension, Floats(run->operands[kA]),
                           Floats(run->operands[kB]), MutableFloats(run->operands[kY]),
                           static_cast<pthreadpool_t>(run->pthreadpool)),
      op, run);
}

constexpr kl_kernel kKernel = XnnpackKernel("add", "add_f32_xnnpack", kTypes, KL_CPU_AVX2,
                                            sizeof(OperatorState), 0.0f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, add) = {nullptr, kinglet::xnnpack::kKernels, 1};
