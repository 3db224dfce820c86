// Affine 8-bit quantisation: real = (code - zero_point) * scale. What the quantised operators
// share.
//
// From an int32 sum to a code there are two ways. `fixed_point` = 0, ONNX: sum * real scale in
// float, rounded to nearest, ties to even. `fixed_point` = 1, TFLite: the scale as a 31-bit
// fraction and a shift, two roundings. Source: ONNX QuantizeLinear, QLinearConv; TFLite's
// quantisation specification; arXiv 1712.05877, section 2.2. Thread safety: pure functions.
#ifndef KINGLET_PLUGINS_REFERENCE_QUANTIZED_H_
#define KINGLET_PLUGINS_REFERENCE_QUANTIZED_H_

#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {

struct CodeRange {
  int32_t low;
  int32_t high;
};
inline CodeRange CodesOf(kl_dtype type) {
  return type == KL_TYPE_U8 ? CodeRange{0, 255} : CodeRange{-128, 127};
}
inline int32_t ClampCode(int64_t code, CodeRange range) {
  return static_cast<int32_t>(code < range.low ? range.low : code > range.high ? range.high : code);
}
inline void StoreCode(const kl_tensor* y, int64_t i, int32_t code) {
  static_cast<uint8_t*>(y->data)[i] = static_cast<uint8_t>(code);
}

// A positive real factor as fraction * 2^(exponent - 31), 2^30 <= fraction < 2^31.
struct FixedPoint {
  int32_t fraction;
  int32_t exponent;
};
inline FixedPoint FixedPointOf(double factor) {
  int exponent = 0;
  const double fraction = std::frexp(factor, &exponent);
  int64_t rounded = std::llround(fraction * 2147483648.0);
  if (rounded == int64_t{1} << 31) {
    rounded /= 2;
    ++exponent;
  }
  if (exponent < -31 || !(factor > 0.0)) return {0, 0};
  return {static_cast<int32_t>(rounded), exponent > 30 ? 30 : exponent};
}

// value * factor: a doubling high product, rounded, then a rounded shift; both halves away from
// zero.
inline int32_t Multiply(int32_t value, FixedPoint factor) {
  const int left = factor.exponent > 0 ? factor.exponent : 0;
  const int right = factor.exponent > 0 ? 0 : -factor.exponent;
  const int64_t shifted = static_cast<int32_t>(static_cast<uint32_t>(value) << left);
  const int64_t product = shifted * factor.fraction;
  const int64_t nudge = product >= 0 ? int64_t{1} << 30 : 1 - (int64_t{1} << 30);
  const int32_t high = static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
  const int32_t mask = static_cast<int32_t>((uint32_t{1} << right) - 1);
  const int32_t rest = high & mask;
  return (high >> right) + (rest > (mask >> 1) + (high < 0 ? 1 : 0) ? 1 : 0);
}

// The code of a sum that stands for sum * factor.
inline int32_t Requantize(int32_t sum, double factor, bool fixed_point, int32_t zero_point,
                          CodeRange range) {
  if (fixed_point) {
    return ClampCode(int64_t{Multiply(sum, FixedPointOf(factor))} + zero_point, range);
  }
  const double real =
      std::nearbyint(static_cast<double>(static_cast<float>(sum) * static_cast<float>(factor))) +
      zero_point;
  return real <= range.low    ? range.low
         : real >= range.high ? range.high
                              : static_cast<int32_t>(real);
}

// dequantize_linear and quantize_linear of one element.
inline float DequantizeCode(int64_t code, int32_t zero_point, double scale) {
  return static_cast<float>(static_cast<double>(code - zero_point) * scale);
}
inline int32_t QuantizeNumber(float x, float scale, int32_t zero_point, CodeRange range) {
  const double code = std::nearbyint(static_cast<double>(x / scale)) + zero_point;
  // NaN becomes the lowest code.
  return !(code > range.low) ? range.low
         : code > range.high ? range.high
                             : static_cast<int32_t>(code);
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
