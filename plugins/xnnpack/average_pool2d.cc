// op "average_pool2d": XNNPACK's NHWC pooling.
//
// The contract is that of plugins/reference/average_pool2d.cc. The library never counts padding.
#include "plugins/xnnpack/pool2d.h"

namespace kinglet {
namespace xnnpack {
namespace {

constexpr PoolSetup kSetup = xnn_setup_average_pooling2d_nhwc_f32;

kl_code Read(const kl_node* node, Window* window, kl_error* error) {
  const kl_code code = ReadPool(node, /*dilated=*/false, window, error);
  if (code != KL_OK) return code;
  const int64_t* pads = window->pads;
  const bool padded = pads[0] + pads[1] + pads[2] + pads[3] > 0;
  if (padded && kl_attribute_int(node, "count_include_pad", 0) != 0) {
    return Decline(node, "averages that leave the padding out", error);
  }
  return KL_OK;
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
  const xnn_status status = xnn_create_average_pooling2d_nhwc_f32(
      u32(pads[0]), u32(pads[3]), u32(pads[2]), u32(pads[1]), u32(window.kernel[0]),
      u32(window.kernel[1]), u32(window.strides[0]), u32(window.strides[1]), channels, channels,
      channels, -INFINITY, INFINITY, /*flags=*/0, &pool->operator_state.op);
  code = CheckStatus(node, "xnn_create_average_pooling2d_nhwc_f32", status, error);
  if (code != KL_OK) return code;
  return FinishPool(node, kSetup, "xnn_setup_average_pooling2d_nhwc_f32", pool, requirements,
                    error);
}

kl_code Run(const kl_run* run) { return RunPool(run, kSetup); }

constexpr kl_kernel kKernel =
    XnnpackKernel("average_pool2d", "average_pool2d_f32_xnnpack", kPoolTypes, 0, sizeof(PoolState),
                  1e-4f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, average_pool2d) = {nullptr, kinglet::xnnpack::kKernels, 1};
