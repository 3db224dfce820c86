// Half precision (IEEE 754 binary16) and bfloat16 <-> f32, in integer arithmetic.
//
// Everything here and in the neighbouring headers is `static inline` and free of the standard
// library, so that a file compiled for an instruction set leaves no copy that the linker could
// merge into baseline code.
// Numbers: exact towards f32; towards 16 bits round to nearest, ties to even; NaN stays NaN.
#ifndef KINGLET_PLUGINS_COMMON_F16_H_
#define KINGLET_PLUGINS_COMMON_F16_H_

#include <stdint.h>
#include <string.h>

namespace kinglet {

static inline uint32_t F32Bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float F32FromBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline float F16ToF32(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) return F32FromBits(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude >= 0x0400u) return F32FromBits(sign | ((magnitude << 13) + (112u << 23)));
  // Zero and subnormals: magnitude * 2^-24, exact in f32.
  const float value = static_cast<float>(magnitude) * 5.9604644775390625e-08f;
  return F32FromBits(sign | F32Bits(value));
}

static inline uint16_t F32ToF16(float value) {
  const uint32_t bits = F32Bits(value);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  if (magnitude >= 0x477ff000u)
    return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to 65536 or more
  if (magnitude < 0x38800000u) {
    // Below the smallest normal half: adding 0.5 leaves the result, rounded as wanted, in the low
    // bits.
    const uint32_t rounded = F32Bits(F32FromBits(magnitude) + 0.5f) - 0x3f000000u;
    return static_cast<uint16_t>(sign | rounded);
  }
  const uint32_t odd = magnitude >> 13 & 1u;
  const uint32_t rounded = magnitude - (112u << 23) + 0xfffu + odd;
  return static_cast<uint16_t>(sign | rounded >> 13);
}

static inline float Bf16ToF32(uint16_t bits) {
  return F32FromBits(static_cast<uint32_t>(bits) << 16);
}

static inline uint16_t F32ToBf16(float value) {
  const uint32_t bits = F32Bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_F16_H_
