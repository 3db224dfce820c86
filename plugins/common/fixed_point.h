// Whole-number arithmetic of 8-bit networks: factors as fractions of 31 bits, and sums as codes.
//
// A real number is (code - zero_point) * scale. From an int32 sum to a code there are two ways:
// `fixed_point` = 0, ONNX: sum * real factor in f32, rounded to nearest, ties to even;
// `fixed_point` = 1, TFLite: the factor as a 31-bit fraction and a shift, two roundings.
// Kernels that share these functions agree to the bit. Source: ONNX QuantizeLinear, QLinearConv;
// TFLite's quantisation specification; arXiv 1712.05877, section 2.2. Thread safety: pure
// functions.
#ifndef KINGLET_PLUGINS_COMMON_FIXED_POINT_H_
#define KINGLET_PLUGINS_COMMON_FIXED_POINT_H_

#include <math.h>
#include <string.h>

#include <cstdint>

#include "core/abi/types.h"

namespace kinglet {

struct CodeRange {
  int32_t low;
  int32_t high;
};
static inline CodeRange CodesOf(kl_dtype type) {
  return type == KL_TYPE_U8 ? CodeRange{0, 255} : CodeRange{-128, 127};
}
static inline int32_t ClampCode(int64_t code, CodeRange range) {
  return static_cast<int32_t>(code < range.low ? range.low : code > range.high ? range.high : code);
}

// A positive real factor as fraction * 2^(exponent - 31), 2^30 <= fraction < 2^31.
struct FixedPoint {
  int32_t fraction;
  int32_t exponent;
};
static inline FixedPoint FixedPointOf(double factor) {
  if (!(factor > 0.0)) return {0, 0};
  // A double is 53 bits * 2^(its exponent - 1075): no library call, kernels do this for each
  // output.
  uint64_t bits = 0;
  memcpy(&bits, &factor, sizeof bits);
  int exponent = static_cast<int>(bits >> 52) - 1022;
  const uint64_t digits = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  uint64_t rounded = (digits + (uint64_t{1} << 21)) >> 22;
  if (rounded == uint64_t{1} << 31) {
    rounded /= 2;
    ++exponent;
  }
  if (exponent < -31) return {0, 0};
  return {static_cast<int32_t>(rounded), exponent > 30 ? 30 : exponent};
}

// a * b / 2^31, halves up.
static inline int32_t HighProduct(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  const int64_t product = int64_t{a} * b;
  const int64_t nudge = product >= 0 ? int64_t{1} << 30 : 1 - (int64_t{1} << 30);
  return static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
}

// value / 2^bits, halves away from zero; 0 <= bits < 32.
static inline int32_t ShiftRounded(int32_t value, int bits) {
  const int32_t mask = static_cast<int32_t>((uint32_t{1} << bits) - 1);
  const int32_t rest = value & mask;
  return (value >> bits) + (rest > (mask >> 1) + (value < 0 ? 1 : 0) ? 1 : 0);
}

// value * factor: a doubling high product, rounded, then a rounded shift. Wraps.
static inline int32_t Multiply(int32_t value, FixedPoint factor) {
  const int left = factor.exponent > 0 ? factor.exponent : 0;
  const int right = factor.exponent > 0 ? 0 : -factor.exponent;
  const int32_t shifted = static_cast<int32_t>(static_cast<uint32_t>(value) << left);
  return ShiftRounded(HighProduct(shifted, factor.fraction), right);
}

// The code of a real number in units of the scale, ties to even; NaN is the lowest code.
static inline int32_t CodeOfReal(float steps, int32_t zero_point, CodeRange range) {
  const double code = nearbyint(static_cast<double>(steps)) + zero_point;
  return !(code > range.low)  ? range.low
         : code >= range.high ? range.high
                              : static_cast<int32_t>(code);
}

// From sums that stand for sum * factor to codes.
struct Requantizer {
  FixedPoint factor;
  float real_factor;
  bool fixed_point;
  int32_t zero_point;
  CodeRange range;
};
static inline Requantizer MakeRequantizer(double factor, bool fixed_point, int32_t zero_point,
                                          CodeRange range) {
  return {FixedPointOf(factor), static_cast<float>(factor), fixed_point, zero_point, range};
}
static inline int32_t Requantize(const Requantizer& r, int32_t sum) {
  if (r.fixed_point) return ClampCode(int64_t{Multiply(sum, r.factor)} + r.zero_point, r.range);
  return CodeOfReal(static_cast<float>(sum) * r.real_factor, r.zero_point, r.range);
}

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_FIXED_POINT_H_
