// f32x8.h for NEON: F8 is a pair of registers, lanes 0..3 and 4..7.
#ifndef PLUGINS_COMMON_KERNELS_F32X8_NEON_H_
#define PLUGINS_COMMON_KERNELS_F32X8_NEON_H_

#include <arm_neon.h>

#include "plugins/common/kernels/scalar.h"

namespace {

struct F8 {
  float32x4_t low;
  float32x4_t high;
};

KL_INLINE F8 operator+(F8 a, F8 b) { return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)}; }
KL_INLINE F8 operator-(F8 a, F8 b) { return {vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)}; }
KL_INLINE F8 operator*(F8 a, F8 b) { return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)}; }
KL_INLINE F8 operator/(F8 a, F8 b) { return {vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)}; }

KL_INLINE F8 Splat8(float value) { return {vdupq_n_f32(value), vdupq_n_f32(value)}; }
KL_INLINE F8 Zero8() { return Splat8(0.0f); }
KL_INLINE F8 Load8(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
KL_INLINE void Store8(float* p, F8 v) {
  vst1q_f32(p, v.low);
  vst1q_f32(p + 4, v.high);
}

KL_INLINE F8 FirstLanes8(int64_t count) {
  const int32x4_t lanes = {0, 1, 2, 3};
  const int32_t n = (int32_t)Minimum(Maximum(count, 0), 8);
  return {vreinterpretq_f32_u32(vcltq_s32(lanes, vdupq_n_s32(n))),
          vreinterpretq_f32_u32(vcltq_s32(lanes, vdupq_n_s32(n - 4)))};
}
KL_INLINE F8 LoadFirst(const float* p, int64_t count) {
  if (count >= 8) return Load8(p);
  float padded[8] = {};
  for (int64_t i = 0; i < count; ++i) padded[i] = p[i];
  return Load8(padded);
}
KL_INLINE void StoreFirst(float* p, int64_t count, F8 v) {
  if (count >= 8) {
    Store8(p, v);
    return;
  }
  float padded[8];
  Store8(padded, v);
  for (int64_t i = 0; i < count; ++i) p[i] = padded[i];
}

KL_INLINE F8 MultiplyAdd(F8 a, F8 b, F8 c) {
  return {vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}
KL_INLINE F8 MultiplySubtract(F8 a, F8 b, F8 c) {
  return {vfmaq_f32(vnegq_f32(c.low), a.low, b.low), vfmaq_f32(vnegq_f32(c.high), a.high, b.high)};
}
KL_INLINE F8 Minimum(F8 a, F8 b) { return {vminq_f32(a.low, b.low), vminq_f32(a.high, b.high)}; }
KL_INLINE F8 Maximum(F8 a, F8 b) { return {vmaxq_f32(a.low, b.low), vmaxq_f32(a.high, b.high)}; }
KL_INLINE F8 Absolute(F8 v) { return {vabsq_f32(v.low), vabsq_f32(v.high)}; }
KL_INLINE F8 Round(F8 v) { return {vrndnq_f32(v.low), vrndnq_f32(v.high)}; }
KL_INLINE F8 SquareRoot(F8 v) { return {vsqrtq_f32(v.low), vsqrtq_f32(v.high)}; }
KL_INLINE F8 TwoToThe(F8 n) {
  const int32x4_t bias = vdupq_n_s32(127);
  return {vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.low), bias), 23)),
          vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.high), bias), 23))};
}

KL_INLINE F8 Below8(F8 a, F8 b) {
  return {vreinterpretq_f32_u32(vcltq_f32(a.low, b.low)),
          vreinterpretq_f32_u32(vcltq_f32(a.high, b.high))};
}
KL_INLINE F8 NotZero8(F8 v) {
  return {vreinterpretq_f32_u32(vmvnq_u32(vceqzq_f32(v.low))),
          vreinterpretq_f32_u32(vmvnq_u32(vceqzq_f32(v.high)))};
}
KL_INLINE F8 Select(F8 mask, F8 a, F8 b) {
  return {vbslq_f32(vreinterpretq_u32_f32(mask.low), a.low, b.low),
          vbslq_f32(vreinterpretq_u32_f32(mask.high), a.high, b.high)};
}
KL_INLINE F8 Keep(F8 mask, F8 v) { return Select(mask, v, Zero8()); }

KL_INLINE float SumAcross(F8 v) {
  const float32x4_t four = vaddq_f32(v.low, v.high);
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
KL_INLINE float MaximumAcross(F8 v) { return vmaxvq_f32(vmaxq_f32(v.low, v.high)); }
KL_INLINE F8 LoadHalf8(const void* p) {
  const float16x8_t v = vreinterpretq_f16_u8(vld1q_u8((const uint8_t*)p));
  return {vcvt_f32_f16(vget_low_f16(v)), vcvt_high_f32_f16(v)};
}
KL_INLINE void StoreHalf8(void* p, F8 v) {
  const float16x8_t halves = vcvt_high_f16_f32(vcvt_f16_f32(v.low), v.high);
  vst1q_u8((uint8_t*)p, vreinterpretq_u8_f16(halves));
}
KL_INLINE F8 LoadBrain8(const void* p) {
  const uint16x8_t v = vreinterpretq_u16_u8(vld1q_u8((const uint8_t*)p));
  return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(v), 16)),
          vreinterpretq_f32_u32(vshll_high_n_u16(v, 16))};
}
KL_INLINE float HalfToFloat(uint16_t half) {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half))), 0);
}

KL_INLINE uint16_t FloatToHalf(float value) {
  return vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(value))), 0);
}
KL_INLINE void StoreBytes16(int8_t* p, F8 a, F8 b) {
  const int16x8_t first =
      vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(a.low)), vqmovn_s32(vcvtnq_s32_f32(a.high)));
  const int16x8_t second =
      vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(b.low)), vqmovn_s32(vcvtnq_s32_f32(b.high)));
  vst1q_s8(p, vcombine_s8(vqmovn_s16(first), vqmovn_s16(second)));
}

KL_INLINE F8 LoadBytes8(const void* p) {
  const int16x8_t v = vmovl_s8(vld1_s8((const int8_t*)p));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(v))), vcvtq_f32_s32(vmovl_high_s16(v))};
}
KL_INLINE int8x8_t Truncate(F8 v) {
  return vqmovn_s16(
      vcombine_s16(vqmovn_s32(vcvtq_s32_f32(v.low)), vqmovn_s32(vcvtq_s32_f32(v.high))));
}
KL_INLINE void StoreTruncated32(void* p, const F8 v[4]) {
  vst1q_s8((int8_t*)p, vcombine_s8(Truncate(v[0]), Truncate(v[1])));
  vst1q_s8((int8_t*)p + 16, vcombine_s8(Truncate(v[2]), Truncate(v[3])));
}
KL_INLINE F8 CopySign(F8 a, F8 v) {
  const uint32x4_t sign = vdupq_n_u32(0x80000000u);
  return {vbslq_f32(sign, v.low, a.low), vbslq_f32(sign, v.high, a.high)};
}

KL_INLINE int MaskBits(F8 mask) {
  const uint32x4_t low = {1, 2, 4, 8};
  const uint32x4_t high = {16, 32, 64, 128};
  return (int)vaddvq_u32(vorrq_u32(vandq_u32(vreinterpretq_u32_f32(mask.low), low),
                                   vandq_u32(vreinterpretq_u32_f32(mask.high), high)));
}
KL_INLINE float FirstLane(F8 v) { return vgetq_lane_f32(v.low, 0); }
KL_INLINE F8 LoadTwice4(const float* p) {
  const float32x4_t v = vld1q_f32(p);
  return {vzip1q_f32(v, v), vzip2q_f32(v, v)};
}
KL_INLINE F8 SwapPairs(F8 v) { return {vrev64q_f32(v.low), vrev64q_f32(v.high)}; }
KL_INLINE F8 NegateEven(F8 v) {
  const uint32x4_t signs = {0x80000000u, 0, 0x80000000u, 0};
  return {vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v.low), signs)),
          vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v.high), signs))};
}

using F4 = float32x4_t;  // the compiler gives it *

KL_INLINE F4 SumEach4(F8 a, F8 b, F8 c, F8 d) {
  const float32x4_t low = vpaddq_f32(vpaddq_f32(a.low, b.low), vpaddq_f32(c.low, d.low));
  const float32x4_t high = vpaddq_f32(vpaddq_f32(a.high, b.high), vpaddq_f32(c.high, d.high));
  return vaddq_f32(low, high);
}
KL_INLINE F8 SumEach8(const F8 v[8]) {
  return {SumEach4(v[0], v[1], v[2], v[3]), SumEach4(v[4], v[5], v[6], v[7])};
}
KL_INLINE F4 SplatF4(float value) { return vdupq_n_f32(value); }
KL_INLINE void StoreF4(float* p, F4 v) { vst1q_f32(p, v); }
KL_INLINE void StoreLow2(float* p, F4 v) { vst1_f32(p, vget_low_f32(v)); }
KL_INLINE void StoreHigh2(float* p, F4 v) { vst1_f32(p, vget_high_f32(v)); }

KL_INLINE void KeepInRegisters(F8* v) { asm("" : "+w"(v->low), "+w"(v->high)); }
KL_INLINE void Prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
KL_INLINE void PrefetchLater(const void* p) { __builtin_prefetch(p, 0, 2); }
KL_INLINE void PrefetchStreamed(const void* p) { Prefetch(p); }
KL_INLINE void PrefetchGathered(const void* p) { __builtin_prefetch(p, 0, 0); }

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_F32X8_NEON_H_
