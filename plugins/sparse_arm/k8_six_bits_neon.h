// The integer products of one token with 256 columns of Q6_K in the K8 layout (k8_layout.h).
//
// Three bytes hold four weights: three of them need a mask, and two shifts that insert make the
// fourth of what is left. Lanes belong to blocks, so that a sum across lanes is never needed.
#ifndef PLUGINS_SPARSE_ARM_K8_SIX_BITS_NEON_H_
#define PLUGINS_SPARSE_ARM_K8_SIX_BITS_NEON_H_

#include "plugins/sparse_arm/activations_neon.h"

namespace {

// The fours of columns 2u, 2u + 1, 2u + 4 and 2u + 5 of four blocks, as k8_layout.h numbers them.
// `packed` points to the 16 bytes of vector u that belong to these blocks.
KL_INLINE void SixBitColumns(const uint8_t* packed, int8x16_t w[4]) {
  const uint8x16_t six = vdupq_n_u8(0x3f);
  const uint8x16_t v0 = vld1q_u8(packed);
  const uint8x16_t v1 = vld1q_u8(packed + 64);
  const uint8x16_t v2 = vld1q_u8(packed + 128);
  w[0] = vreinterpretq_s8_u8(vandq_u8(v0, six));
  w[1] = vreinterpretq_s8_u8(vandq_u8(v1, six));
  w[2] = vreinterpretq_s8_u8(vandq_u8(v2, six));
  w[3] = vreinterpretq_s8_u8(vsriq_n_u8(vsriq_n_u8(vshrq_n_u8(v2, 2), v1, 4), v0, 6));
}

// Adds sixteen columns of four blocks each: `w` and `q` have four vectors of four columns.
KL_INLINE int32x4_t AddHalfBlocks(int32x4_t sum, const int8x16_t w[4], const int8x16_t q[4]) {
#if KL_ARM_DOTPROD
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) sum = vdotq_s32(sum, w[i], q[i]);
  return sum;
#else
  // Four products fit 16 bits: 4 * 63 * 127 = 32,004.
  int16x8_t low = vmull_s8(vget_low_s8(w[0]), vget_low_s8(q[0]));
  int16x8_t high = vmull_high_s8(w[0], q[0]);
#pragma GCC unroll 3
  for (int i = 1; i < 4; ++i) {
    low = vmlal_s8(low, vget_low_s8(w[i]), vget_low_s8(q[i]));
    high = vmlal_high_s8(high, w[i], q[i]);
  }
  return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
#endif
}

// Lane j: the product of block j, times the scales of its halves.
KL_INLINE F8 K8SixBits(const uint8_t* packed, const ActivationGroup& a) {
  const int16x8_t pairs = vreinterpretq_s16_u8(vld1q_u8(packed + 192));
  const int16x8_t first_scales = vshrq_n_s16(vshlq_n_s16(pairs, 8), 8);
  const int16x8_t second_scales = vshrq_n_s16(pairs, 8);
  int32x4_t sums[2];
#pragma GCC unroll 2
  for (int h = 0; h < 2; ++h) {
    // Of both u: columns 0..15, and 16..31.
    int8x16_t first[4];
    int8x16_t second[4];
    int8x16_t q[8];
#pragma GCC unroll 2
    for (int u = 0; u < 2; ++u) {
      int8x16_t w[4];
      SixBitColumns(packed + 32 * u + 16 * h, w);
      first[2 * u] = w[0];
      first[2 * u + 1] = w[1];
      second[2 * u] = w[2];
      second[2 * u + 1] = w[3];
    }
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) q[v] = vld1q_s8(a.q + 32 * v + 16 * h);
    const int32x4_t low = AddHalfBlocks(vld1q_s32(a.init + 4 * h), first, q);
    const int32x4_t high = AddHalfBlocks(vld1q_s32(a.init_high + 4 * h), second, q + 4);
    const int32x4_t low_scales =
        h == 0 ? vmovl_s16(vget_low_s16(first_scales)) : vmovl_high_s16(first_scales);
    const int32x4_t high_scales =
        h == 0 ? vmovl_s16(vget_low_s16(second_scales)) : vmovl_high_s16(second_scales);
    sums[h] = vmlaq_s32(vmulq_s32(low, low_scales), high, high_scales);
  }
  return {vcvtq_f32_s32(sums[0]), vcvtq_f32_s32(sums[1])};
}

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_K8_SIX_BITS_NEON_H_
