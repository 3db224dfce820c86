// op "max_pool2d": XNNPACK's NHWC pooling.
//
// The contract is that of plugins/reference/max_pool2d.cc. Padding never wins.
#include "plugins/xnnpack/pool2d.h"

namespace kinglet {
namespace xnnpack {
namespace {

kl_code Read(const kl_node* node, Window* window, kl_error* error) {
  return ReadPool(node, /*dilated=*/true, window, error);
}

kl_code Supports(const kl_node* node, kl_error* error) {
  Window window;
  return Read(node, &window, error);
}

// The library's calls for one type of elements.
template <typename T>
struct Calls {
  xnn_status (*create)(uint32_t top, uint32_t right, uint32_t bottom, uint32_t left,
                       uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
                       uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width,
                       size_t channels, size_t input_stride, size_t output_stride, T minimum,
                       T maximum, uint32_t flags, xnn_operator_t* op);
  PoolSetup<T> setup;
  const char* create_name;
  const char* setup_name;
  T minimum;
  T maximum;
};
constexpr Calls<float> kFloats = {xnn_create_max_pooling2d_nhwc_f32,
                                  xnn_setup_max_pooling2d_nhwc_f32,
                                  "xnn_create_max_pooling2d_nhwc_f32",
                                  "xnn_setup_max_pooling2d_nhwc_f32",
                                  -INFINITY,
                                  INFINITY};
constexpr Calls<int8_t> kSigned = {xnn_create_max_pooling2d_nhwc_s8,
                                   xnn_setup_max_pooling2d_nhwc_s8,
                                   "xnn_create_max_pooling2d_nhwc_s8",
                                   "xnn_setup_max_pooling2d_nhwc_s8",
                                   -128,
                                   127};
constexpr Calls<uint8_t> kUnsigned = {xnn_create_max_pooling2d_nhwc_u8,
                                      xnn_setup_max_pooling2d_nhwc_u8,
                                      "xnn_create_max_pooling2d_nhwc_u8",
                                      "xnn_setup_max_pooling2d_nhwc_u8",
                                      0,
                                      255};

template <typename T, const Calls<T>& kCalls>
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
  const xnn_status status = kCalls.create(
      u32(pads[0]), u32(pads[3]), u32(pads[2]), u32(pads[1]), u32(window.kernel[0]),
      u32(window.kernel[1]), u32(window.strides[0]), u32(window.strides[1]),
      u32(window.dilations[0]), u32(window.dilations[1]), channels, channels, channels,
      kCalls.minimum, kCalls.maximum, /*flags=*/0, &pool->operator_state.op);
  code = CheckStatus(node, kCalls.create_name, status, error);
  if (code != KL_OK) return code;
  return FinishPool(node, kCalls.setup, kCalls.setup_name, pool, requirements, error);
}

template <typename T, const Calls<T>& kCalls>
constexpr kl_kernel Kernel(const char* name, const kl_dtype (&types)[kPoolOperandCount]) {
  return XnnpackKernel("max_pool2d", name, types, 0, sizeof(PoolState), 0.0f, Supports,
                       Prepare<T, kCalls>,
                       [](const kl_run* run) { return RunPool(run, kCalls.setup); });
}

constexpr kl_kernel kKernel = Kernel<float, kFloats>("max_pool2d_f32_xnnpack", kPoolTypes);
constexpr kl_kernel kSignedKernel = Kernel<int8_t, kSigned>("max_pool2d_i8_xnnpack", kPoolSigned);
constexpr kl_kernel kUnsignedKernel =
    Kernel<uint8_t, kUnsigned>("max_pool2d_u8_xnnpack", kPoolUnsigned);
constexpr const kl_kernel* kKernels[] = {&kKernel, &kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, max_pool2d) = {nullptr, kinglet::xnnpack::kKernels, 3};
