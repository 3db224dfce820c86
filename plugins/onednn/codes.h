// 8-bit codes as oneDNN multiplies them exactly: u8 activations times s8 weights, sums in 32 bits.
//
// i8 activations become u8 ones, and u8 weights s8 ones, by flipping the sign bit, which moves
// codes and zero points by 128. Zero points come in after the product, with sums of the weights,
// and requantisation is plugins/common/fixed_point.h: the kernels agree with the reference to the
// bit.
//
// Only with VNNI: without it the library adds pairs of products in 16 bits, which saturate
// (255 * 127 * 2 > 32767), or halves the weights, which loses their last bit. Such processors are
// left to other kernels.
#ifndef PLUGINS_ONEDNN_CODES_H_
#define PLUGINS_ONEDNN_CODES_H_

#include <cstdint>
#include <vector>

#include "plugins/common/fixed_point.h"
#include "plugins/onednn/onednn.h"

namespace kinglet {
namespace onednn {

inline bool IsCode(const kl_tensor* tensor) {
  return tensor->type == KL_TYPE_I8 || tensor->type == KL_TYPE_U8;
}
inline bool IsConstantRows(const kl_tensor* tensor) {
  return tensor->data != nullptr && tensor->parts == nullptr && tensor->layout == KL_LAYOUT_ROWS;
}
// A constant f32 scale and its zero point: one element each, or (`count` > 1) as many as that.
bool AreConstantScales(const kl_tensor* scale, const kl_tensor* zero_point, int64_t count);

inline const uint8_t* Bytes(const kl_tensor* tensor) {
  return static_cast<const uint8_t*>(tensor->data);
}
// What a byte of the tensor is xor'ed with to be an activation (u8) or a weight (s8).
inline uint8_t ActivationFlip(const kl_tensor* x) { return x->type == KL_TYPE_I8 ? 0x80 : 0; }
inline uint8_t WeightFlip(const kl_tensor* w) { return w->type == KL_TYPE_U8 ? 0x80 : 0; }
// Zero point `i` (or the only one), flipped along.
inline int32_t ActivationZero(const kl_tensor* zero_point) {
  return Bytes(zero_point)[0] ^ ActivationFlip(zero_point);
}
inline int32_t WeightZero(const kl_tensor* zero_point, int64_t i) {
  const uint8_t byte = Bytes(zero_point)[kl_element_count(zero_point) == 1 ? 0 : i];
  return static_cast<int8_t>(byte ^ WeightFlip(zero_point));
}
inline double Scale(const kl_tensor* scale, int64_t i) {
  return static_cast<const float*>(scale->data)[kl_element_count(scale) == 1 ? 0 : i];
}

// Offset and requantisation of each output channel.
struct CodeChannels {
  std::vector<Requantizer> requantizers;
  std::vector<int32_t> offsets;  // added to sums; wrap
};

inline int32_t WrappingAdd(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
inline int32_t WrappingMultiply(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}

// The kernels of one operator, for either kind of VNNI: oneDNN finds by itself which there is.
template <typename Object, uint32_t kOperands>
constexpr kl_kernel CodesKernel(const char* op, const char* name,
                                const kl_dtype (&operand_types)[kOperands], uint64_t cpu_feature,
                                int32_t priority, decltype(kl_kernel::supports) supports,
                                decltype(kl_kernel::prepare) prepare,
                                decltype(kl_kernel::run) run) {
  kl_kernel kernel = OnednnKernel<Object>(op, name, operand_types, supports, prepare, run);
  kernel.cpu_features = cpu_feature;
  kernel.priority = priority;
  kernel.tolerance = 0.0f;
  return kernel;
}

}  // namespace onednn
}  // namespace kinglet

#endif  // PLUGINS_ONEDNN_CODES_H_
