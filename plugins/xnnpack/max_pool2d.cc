// op "max_pool2d": XNNPACK's NHWC pooling.
//
// The contract is that of plugins/reference/max_pool2d.cc. Padding never wins.
#include "plugins/xnnpack/pool2d.h"

namespace kinglet {
namespace xnnpack {
namespace {

constexpr PoolSetup kSetup = xnn_setup_max_pooling2d_nhwc_f32;

kl_code Read(const kl_node* node, Window* window, kl_error* error) {
  return ReadPool(node, /*dilated=*/true, window, error);
}

kl_code Supports(const kl_node* node, kl_error* error) {
  Window window;
  return Read(node, &window, error);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Window window;
  kl_code code = Read(node, &window, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  PoolState* pool = static_cast<PoolState*>(state);
  const size_t channels = static_cast<size_t>(node->operands[kPoolX]->shape[1]);
  const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
  const int64_t* pads = window.pads;
  const xnn_status status = xnn_create_max_pooling2d_nhwc_f32(
      u32(pads[0]), u32(pads[3]), u32(pads[2]), u32(pads[1]), u32(window.kernel[0]),
      u32(window.kernel[1]), u32(window.strides[0]), u32(window.strides[1]),
      u32(window.dilations[0]), u32(window.dilations[1]), channels, channels, channels, -INFINITY,
      INFINITY, /*flags=*/0, &pool->operator_state.op);
  code = CheckStatus(node, "xnn_create_max_pooling2d_nhwc_f32", status, error);
  if (code != KL_OK) return code;
  return FinishPool(node, kSetup, "xnn_setup_max_pooling2d_nhwc_f32", pool, requirements, error);
}

kl_code Run(const kl_run* run) { return RunPool(run, kSetup); }

constexpr kl_kernel kKernel = XnnpackKernel("max_pool2d", "max_pool2d_f32_xnnpack", kPoolTypes, 0,
                                            sizeof(PoolState), 0.0f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, max_pool2d) = {nullptr, kinglet::xnnpack::kKernels, 1};
