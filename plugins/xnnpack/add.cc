// op "add" with numpy broadcasting, which XNNPACK does itself.
//
// The contract is that of plugins/reference/add.cc. The AVX microkernels load the last elements
// under a mask and so stay inside a and b; the SSE ones do not, hence the kernel asks for AVX2.
#include "plugins/xnnpack/broadcast.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kA, kB, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};

kl_code Supports(const kl_node* node, kl_error* error) {
  return SupportsBroadcast(node, node->operands[kA], node->operands[kB], node->operands[kY], error);
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
  const BroadcastShape a(run->operands[kA]), b(run->operands[kB]);
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
