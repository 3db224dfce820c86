// op "matmul" with f32 weights: XNNPACK's fully connected operator.
//
// The contract is that of plugins/reference/matmul.cc. The weights are packed in prepare().
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kX, kW, kBias, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32};

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* w = node->operands[kW];
  const kl_tensor* y = node->operands[kY];
  const bool shapes_fit = x->rank >= 1 && w->rank == 2 && y->rank == x->rank &&
                          w->shape[1] == RowElements(x) && w->shape[0] == RowElements(y) &&
                          RowCount(x) == RowCount(y) && w->shape[0] > 0 && w->shape[1] > 0;
  if (!shapes_fit) return Decline(node, "x [.., K], w [N, K], y [.., N], none empty", error);
  if (!IsConstantRows(w)) return Decline(node, "constant weights", error);
  if (!IsConstantBias(node->operands[kBias], w->shape[0])) {
    return Decline(node, "a constant f32 bias [N]", error);
  }
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  kl_code code = Supports(node, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* w = node->operands[kW];
  const size_t depth = static_cast<size_t>(w->shape[1]), outputs = static_cast<size_t>(w->shape[0]);
  return CheckStatus(node, "xnn_create_fully_connected_nc_f32",
                     xnn_create_fully_connected_nc_f32(
                         depth, outputs, depth, outputs, Floats(w), Floats(node->operands[kBias]),
                         -INFINITY, INFINITY, /*flags=*/0, &static_cast<OperatorState*>(state)->op),
                     error);
}

kl_code Run(const kl_run* run) {
  const xnn_operator_t op = static_cast<OperatorState*>(run->state)->op;
  const kl_tensor* x = run->operands[kX];
  return RunOperator(xnn_setup_fully_connected_nc_f32(op, static_cast<size_t>(RowCount(x)),
                                                      Floats(x), MutableFloats(run->operands[kY]),
                                                      static_cast<pthreadpool_t>(run->pthreadpool)),
                     op, run);
}

constexpr kl_kernel kKernel = XnnpackKernel("matmul", "matmul_f32_xnnpack", kTypes, 0,
                                            sizeof(OperatorState), 1e-4f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, matmul) = {nullptr, kinglet::xnnpack::kKernels, 1};
