// op "resize", linear, of the planes of [N, C, H, W]: XNNPACK's NHWC operator for f32, i8 and u8.
//
// The contract is that of plugins/reference/resize.cc. x goes to scratch and the result out of it
// (layout.h). The library weighs codes in steps of 1/2048: within one code.
#include <cstring>

#include "plugins/xnnpack/layout.h"
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kX, kY, kOperandCount };
constexpr kl_dtype kFloat[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32};
constexpr kl_dtype kSigned[kOperandCount] = {KL_TYPE_I8, KL_TYPE_I8};
constexpr kl_dtype kUnsigned[kOperandCount] = {KL_TYPE_U8, KL_TYPE_U8};

struct NodeState {
  OperatorState operator_state;  // first: ReleaseOperator reads it
  uint64_t output_offset;        // bytes into scratch
};

// The library's calls for one type of elements.
template <typename T>
struct Calls {
  xnn_status (*create)(size_t channels, size_t input_stride, size_t output_stride, uint32_t flags,
                       xnn_operator_t* op);
  xnn_status (*setup)(xnn_operator_t op, size_t batch, size_t input_height, size_t input_width,
                      size_t output_height, size_t output_width, const T* input, T* output,
                      pthreadpool_t pool);
};
constexpr Calls<float> kFloatCalls = {xnn_create_resize_bilinear2d_nhwc_f32,
                                      xnn_setup_resize_bilinear2d_nhwc_f32};
constexpr Calls<int8_t> kSignedCalls = {xnn_create_resize_bilinear2d_nhwc_s8,
                                        xnn_setup_resize_bilinear2d_nhwc_s8};
constexpr Calls<uint8_t> kUnsignedCalls = {xnn_create_resize_bilinear2d_nhwc_u8,
                                           xnn_setup_resize_bilinear2d_nhwc_u8};

kl_code Read(const kl_node* node, uint32_t* flags, kl_error* error) {
  constexpr int64_t kLargest = int64_t{1} << 23;
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* y = node->operands[kY];
  const char* coordinate = kl_attribute_string(node, "coordinate", "half_pixel");
  const bool corners = std::strcmp(coordinate, "align_corners") == 0;
  const bool asymmetric = std::strcmp(coordinate, "asymmetric") == 0;
  if (std::strcmp(kl_attribute_string(node, "mode", "nearest"), "linear") != 0 ||
      !(corners || asymmetric || std::strcmp(coordinate, "half_pixel") == 0) ||
      kl_attribute_int(node, "exclude_outside", 0) != 0) {
    return Decline(node, "mode linear with half_pixel, asymmetric or align_corners", error);
  }
  if (x->rank != 4 || y->rank != 4 || x->shape[0] != y->shape[0] || x->shape[1] != y->shape[1] ||
      x->shape[1] < 1) {
    return Decline(node, "planes of [N, C, H, W]", error);
  }
  const kl_attribute* scales = kl_find_attribute(node, "scales");
  for (int d = 2; d < 4; ++d) {
    const int64_t from = x->shape[d], to = y->shape[d];
    if (from < 1 || to < (corners ? 2 : 1) || from > kLargest || to > kLargest)
      return Decline(node, "sizes that are not tiny or huge", error);
    if (scales != nullptr && (scales->count != 4 || scales->floats[d] * static_cast<float>(from) !=
                                                        static_cast<float>(to)))
      return Decline(node, "scales that are the quotients of the sizes", error);
  }
  *flags = corners ? XNN_FLAG_ALIGN_CORNERS : asymmetric ? XNN_FLAG_TENSORFLOW_LEGACY_MODE : 0;
  return KL_OK;
}

kl_code Supports(const kl_node* node, kl_error* error) {
  uint32_t flags = 0;
  return Read(node, &flags, error);
}

template <typename T>
xnn_status SetUp(const Calls<T>& calls, xnn_operator_t op, const kl_tensor* x, const kl_tensor* y,
                 const T* input, T* output, pthreadpool_t pool) {
  const auto size = [](int64_t value) { return static_cast<size_t>(value); };
  return calls.setup(op, size(x->shape[0]), size(x->shape[2]), size(x->shape[3]), size(y->shape[2]),
                     size(y->shape[3]), input, output, pool);
}

template <typename T, const Calls<T>& kCalls>
kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  uint32_t flags = 0;
  kl_code code = Read(node, &flags, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* y = node->operands[kY];
  NodeState* s = static_cast<NodeState*>(state);
  s->output_offset = PaddedBytes(kl_tensor_bytes(x));
  requirements->scratch_bytes = s->output_offset + PaddedBytes(kl_tensor_bytes(y));
  const size_t channels = static_cast<size_t>(x->shape[1]);
  code =
      CheckStatus(node, "xnn_create_resize_bilinear2d_nhwc",
                  kCalls.create(channels, channels, channels, flags, &s->operator_state.op), error);
  if (code != KL_OK) return code;
  T* unread = static_cast<T*>(state);
  return CheckStatus(node, "xnn_setup_resize_bilinear2d_nhwc",
                     SetUp<T>(kCalls, s->operator_state.op, x, y, unread, unread, nullptr), error);
}

template <typename T, const Calls<T>& kCalls>
kl_code Run(const kl_run* run) {
  constexpr bool kIsFloat = sizeof(T) == sizeof(float);
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const pthreadpool_t pool = static_cast<pthreadpool_t>(run->pthreadpool);
  const kl_tensor* x = run->operands[kX];
  kl_tensor* y = run->operands[kY];
  T* input = static_cast<T*>(run->scratch);
  T* output = reinterpret_cast<T*>(static_cast<char*>(run->scratch) + s->output_offset);
  const int64_t x_pixels = x->shape[2] * x->shape[3], y_pixels = y->shape[2] * y->shape[3];
  if constexpr (kIsFloat) {
    ChannelsLast(pool, x->shape[0], x->shape[1], x_pixels, Floats(x), input);
  } else {
    CodesLast(pool, x->shape[0], x->shape[1], x_pixels, x->data, input);
  }
  const xnn_operator_t op = s->operator_state.op;
  const kl_code code = RunOperator(SetUp<T>(kCalls, op, x, y, input, output, pool), op, run);
  if (code != KL_OK) return code;
  if constexpr (kIsFloat) {
    ChannelsFirst(pool, y->shape[0], y->shape[1], y_pixels, output, MutableFloats(y));
  } else {
    CodesFirst(pool, y->shape[0], y->shape[1], y_pixels, output, y->data);
  }
  return KL_OK;
}

template <typename T, const Calls<T>& kCalls>
constexpr kl_kernel Kernel(const char* name, const kl_dtype (&types)[kOperandCount],
                           float tolerance) {
  return XnnpackKernel("resize", name, types, 0, sizeof(NodeState), tolerance, Supports,
                       Prepare<T, kCalls>, Run<T, kCalls>);
}

constexpr kl_kernel kFloatKernel = Kernel<float, kFloatCalls>("resize_f32_xnnpack", kFloat, 1e-4f);
constexpr kl_kernel kSignedKernel =
    Kernel<int8_t, kSignedCalls>("resize_i8_xnnpack", kSigned, kOneCode);
constexpr kl_kernel kUnsignedKernel =
    Kernel<uint8_t, kUnsignedCalls>("resize_u8_xnnpack", kUnsigned, kOneCode);
constexpr const kl_kernel* kKernels[] = {&kFloatKernel, &kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, resize) = {nullptr, kinglet::xnnpack::kKernels, 3};
