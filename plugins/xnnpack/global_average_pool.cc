// op "global_average_pool": XNNPACK's global average over NCW, so no change of layout.
//
// The contract is that of plugins/reference/global_average_pool.cc. The library's kernel reads four
// elements at a time, past the end of the last plane where that is no multiple of four: such an x
// is copied to scratch first.
#include <cstring>

#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kX, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32};

int64_t Pixels(const kl_tensor* x) { return x->shape[2] * x->shape[3]; }

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* y = node->operands[kY];
  const bool fits = x->rank == 4 && y->rank == 4 && y->shape[0] == x->shape[0] &&
                    y->shape[1] == x->shape[1] && y->shape[2] == 1 && y->shape[3] == 1 &&
                    x->shape[1] > 0 && Pixels(x) > 0;
  return fits ? KL_OK : Decline(node, "x [N, C, H, W], y [N, C, 1, 1], none empty", error);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  kl_code code = Supports(node, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* x = node->operands[kX];
  if (Pixels(x) % 4 != 0) requirements->scratch_bytes = PaddedBytes(kl_tensor_bytes(x));
  return CheckStatus(node, "xnn_create_global_average_pooling_ncw_f32",
                     xnn_create_global_average_pooling_ncw_f32(
                         static_cast<size_t>(x->shape[1]), -INFINITY, INFINITY, /*flags=*/0,
                         &static_cast<OperatorState*>(state)->op),
                     error);
}

kl_code Run(const kl_run* run) {
  const xnn_operator_t op = static_cast<OperatorState*>(run->state)->op;
  const kl_tensor* x = run->operands[kX];
  const float* input = Floats(x);
  if (Pixels(x) % 4 != 0) {
    std::memcpy(run->scratch, input, kl_tensor_bytes(x));
    input = static_cast<const float*>(run->scratch);
  }
  return RunOperator(
      xnn_setup_global_average_pooling_ncw_f32(
          op, static_cast<size_t>(x->shape[0]), static_cast<size_t>(Pixels(x)), input,
          MutableFloats(run->operands[kY]), static_cast<pthreadpool_t>(run->pthreadpool)),
      op, run);
}

constexpr kl_kernel kKernel =
    XnnpackKernel("global_average_pool", "global_average_pool_f32_xnnpack", kTypes, 0,
                  sizeof(OperatorState), 1e-4f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, global_average_pool) = {nullptr, kinglet::xnnpack::kKernels, 1};
