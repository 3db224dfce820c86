// op "average_pool2d": XNNPACK's NHWC pooling.
//
// The contract is that of plugins/reference/average_pool2d.cc. In f32 the library never counts
// padding, in u8 it always does: codes are declined where there is some. i8 codes go through u8.
#include "plugins/xnnpack/pool2d.h"

namespace kinglet {
namespace xnnpack {
namespace {

constexpr PoolSetup<float> kSetup = xnn_setup_average_pooling2d_nhwc_f32;

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

// ---- codes ----

constexpr PoolSetup<uint8_t> kCodesSetup = xnn_setup_average_pooling2d_nhwc_qu8;

kl_code ReadCodes(const kl_node* node, Window* window, kl_error* error) {
  const kl_code code = ReadPool(node, /*dilated=*/false, window, error);
  if (code != KL_OK) return code;
  const int64_t* pads = window->pads;
  if (pads[0] + pads[1] + pads[2] + pads[3] > 0) return Decline(node, "codes without pads", error);
  if (window->kernel[0] * window->kernel[1] >= int64_t{1} << 20)
    return Decline(node, "kernels of less than 2^20 elements", error);
  if (kl_attribute_int(node, "minimum", -128) >= kl_attribute_int(node, "maximum", 255))
    return Decline(node, "a minimum below the maximum", error);
  return KL_OK;
}

kl_code SupportsCodes(const kl_node* node, kl_error* error) {
  Window window;
  return ReadCodes(node, &window, error);
}

kl_code PrepareCodes(const kl_host*, const kl_node* node, void* state,
                     kl_requirements* requirements, kl_error* error) {
  Window window;
  kl_code code = ReadCodes(node, &window, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  PoolState* pool = static_cast<PoolState*>(state);
  const size_t channels = static_cast<size_t>(node->operands[kPoolX]->shape[1]);
  const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
  const int64_t shift = node->operands[kPoolX]->type == KL_TYPE_I8 ? 128 : 0;
  const int64_t minimum = kl_attribute_int(node, "minimum", -shift);
  const int64_t maximum = kl_attribute_int(node, "maximum", 255 - shift);
  // The mean of codes is the code of the mean: scale 1, zero point 0.
  const xnn_status status = xnn_create_average_pooling2d_nhwc_qu8(
      0, 0, 0, 0, u32(window.kernel[0]), u32(window.kernel[1]), u32(window.strides[0]),
      u32(window.strides[1]), channels, channels, channels, 0, 1.0f, 0, 1.0f,
      static_cast<uint8_t>(minimum + shift), static_cast<uint8_t>(maximum + shift), /*flags=*/0,
      &pool->operator_state.op);
  code = CheckStatus(node, "xnn_create_average_pooling2d_nhwc_qu8", status, error);
  if (code != KL_OK) return code;
  return FinishPool(node, kCodesSetup, "xnn_setup_average_pooling2d_nhwc_qu8", pool, requirements,
                    error);
}

kl_code RunCodes(const kl_run* run) {
  return RunPool(run, kCodesSetup,
                 run->operands[kPoolX]->type == KL_TYPE_I8 ? kFlipSign : kKeepSign);
}

constexpr kl_kernel kSignedKernel =
    XnnpackKernel("average_pool2d", "average_pool2d_i8_xnnpack", kPoolSigned, 0, sizeof(PoolState),
                  kOneCode, SupportsCodes, PrepareCodes, RunCodes);
constexpr kl_kernel kUnsignedKernel =
    XnnpackKernel("average_pool2d", "average_pool2d_u8_xnnpack", kPoolUnsigned, 0,
                  sizeof(PoolState), kOneCode, SupportsCodes, PrepareCodes, RunCodes);
constexpr kl_kernel kKernel =
    XnnpackKernel("average_pool2d", "average_pool2d_f32_xnnpack", kPoolTypes, 0, sizeof(PoolState),
                  1e-4f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel, &kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, average_pool2d) = {nullptr, kinglet::xnnpack::kKernels, 3};
