// op "relu": XNNPACK's clamp to [0, infinity). The contract is that of plugins/reference/relu.cc.
#include "plugins/xnnpack/clamp.h"

namespace kinglet {
namespace xnnpack {
namespace {

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  const kl_code code = SupportsClamp(node, error);
  return code != KL_OK ? code : PrepareClamp(node, 0.0f, INFINITY, state, error);
}

constexpr kl_kernel kKernel =
    XnnpackKernel("relu", "relu_f32_xnnpack", kClampTypes, KL_CPU_AVX2, sizeof(OperatorState), 0.0f,
                  SupportsClamp, Prepare, RunClamp);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, relu) = {nullptr, kinglet::xnnpack::kKernels, 1};
