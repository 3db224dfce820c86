// Operands of the 8-bit operators: scales, zero points, codes. What their arithmetic is:
// plugins/common/fixed_point.h. Thread safety: pure functions.
#ifndef KINGLET_PLUGINS_REFERENCE_QUANTIZED_H_
#define KINGLET_PLUGINS_REFERENCE_QUANTIZED_H_

#include "plugins/common/fixed_point.h"
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {

inline void StoreCode(const kl_tensor* y, int64_t i, int32_t code) {
  static_cast<uint8_t*>(y->data)[i] = static_cast<uint8_t>(code);
}

// Attributes minimum and maximum: codes of the type that results stay within.
inline CodeRange ReadCodeRange(const kl_node* node, kl_dtype type) {
  const CodeRange all = CodesOf(type);
  return {ClampCode(kl_attribute_int(node, "minimum", all.low), all),
          ClampCode(kl_attribute_int(node, "maximum", all.high), all)};
}

// dequantize_linear of one element.
inline float DequantizeCode(int64_t code, int32_t zero_point, double scale) {
  return static_cast<float>(static_cast<double>(code - zero_point) * scale);
}

// Element `i` of scales, or the only one.
inline double ScaleAt(const kl_tensor* scale, int64_t i) {
  return static_cast<const float*>(scale->data)[kl_element_count(scale) == 1 ? 0 : i];
}
// Element `i` of zero points, or the only one, or 0 where there are none.
inline int32_t ZeroPointAt(const kl_tensor* zero_point, int64_t i) {
  if (IsAbsent(zero_point)) return 0;
  return WholeAt(zero_point, kl_element_count(zero_point) == 1 ? 0 : i);
}

// Operand `index`, if there, has one element or `count`.
inline void CheckOneOrCount(const kl_node* node, uint32_t index, int64_t count, Check* check) {
  if (!check->ok() || IsAbsent(node->operands[index])) return;
  const int64_t found = kl_element_count(node->operands[index]);
  check->RequireOperand(index, found == 1 || found == count, "one element or one a channel");
}

// Which scale and zero point an element of x has: those of channel (element / inner) % channels.
struct Channels {
  int64_t channels;
  int64_t inner;  // elements of one index of the axis
};

// One channel where there is one scale, else those of attribute "axis".
inline void ReadChannels(const kl_node* node, uint32_t x, uint32_t scale, uint32_t zero_point,
                         Check* check, Channels* channels) {
  *channels = {1, 1};
  const kl_tensor* tensor = node->operands[x];
  if (kl_element_count(node->operands[scale]) != 1) {
    const int64_t axis = kl_attribute_int(node, "axis", 0);
    check->Require(axis >= 0 && axis < tensor->rank, "attribute axis within the rank of x", axis);
    if (!check->ok()) return;
    channels->channels = tensor->shape[axis];
    for (int64_t d = axis + 1; d < tensor->rank; ++d) channels->inner *= tensor->shape[d];
  }
  CheckOneOrCount(node, scale, channels->channels, check);
  CheckOneOrCount(node, zero_point, channels->channels, check);
}

constexpr kl_case_operand Codes(kl_dtype type, CaseShape shape) {
  return Fill(type, shape, KL_FILL_INTEGERS, type == KL_TYPE_U8 ? 0 : -128,
              type == KL_TYPE_U8 ? 256 : 128);
}
constexpr kl_case_operand Constant(kl_dtype type, CaseShape shape, double value) {
  return Fill(type, shape, KL_FILL_CONSTANT, value, 0);
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_QUANTIZED_H_
