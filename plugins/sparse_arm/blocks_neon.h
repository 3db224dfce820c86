// The block types of GGUF, eight blocks (256 columns) at a time; see file_rows_neon.h for the roles
// of the members and plugins/common/blocks.h for the bytes. Scales and minima are computed in the
// order of the x86 kernels, so that they have the same bits.
#ifndef PLUGINS_SPARSE_ARM_BLOCKS_NEON_H_
#define PLUGINS_SPARSE_ARM_BLOCKS_NEON_H_

#include "core/abi/dtype.h"
#include "plugins/common/blocks.h"
#include "plugins/sparse_arm/file_rows_neon.h"

namespace {

// Eight f16 numbers, kStride bytes apart; lanes from kCount on are 0.
template <int kStride, int kCount>
KL_INLINE F8 LoadHalves(const uint8_t* p) {
  uint16_t halves[8] = {};
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) halves[i] = LoadU16(p + i * kStride);
  return LoadHalf8(halves);
}

// 16 bytes of nibbles: low halves are elements 0..15, high halves 16..31.
KL_INLINE uint8x16x2_t LoadNibbles(const uint8_t* p) {
  const uint8x16_t v = vld1q_u8(p);
  return {{vandq_u8(v, vdupq_n_u8(15)), vshrq_n_u8(v, 4)}};
}

KL_INLINE int8x16x2_t TakeOff(uint8x16x2_t v, int offset) {
  const int8x16_t o = vdupq_n_s8((int8_t)offset);
  return {{vsubq_s8(vreinterpretq_s8_u8(v.val[0]), o), vsubq_s8(vreinterpretq_s8_u8(v.val[1]), o)}};
}

// What types share whose blocks of 32 columns begin with an f16 scale.
template <int kBlockBytes>
struct BlocksOf32 {
  static constexpr int kBlockColumns = 32;
  static constexpr int kGroupBytes = 8 * kBlockBytes;
  template <int kCount = 8>
  static KL_INLINE F8 Scales(const uint8_t* group) {
    return LoadHalves<kBlockBytes, kCount>(group);
  }
  template <int kCount = 8>
  static KL_INLINE F8 Minima(const uint8_t*) {
    return Zero8();
  }
  static KL_INLINE int Half(const uint8_t*, int, int) { return 1; }
};

struct TypeQ4_0 : BlocksOf32<18> {
  static constexpr kl_dtype kType = KL_TYPE_Q4_0;
  static constexpr int kTraits = kNarrowWeights;
  static KL_INLINE int8x16x2_t Load(const uint8_t* group, int j) {
    return TakeOff(LoadNibbles(group + 18 * j + 2), 8);
  }
};

// 32 bits: 16 in byte i where bit i is set.
KL_INLINE uint8x16x2_t LoadFifthBits(const uint8_t* p) {
  const uint8x8_t select = vcreate_u8(0x8040201008040201ull);
  const uint8x16_t bit = vcombine_u8(select, select);
  const uint8x16_t sixteen = vdupq_n_u8(16);
  const uint8x16_t low = vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1]));
  const uint8x16_t high = vcombine_u8(vdup_n_u8(p[2]), vdup_n_u8(p[3]));
  return {{vandq_u8(vtstq_u8(low, bit), sixteen), vandq_u8(vtstq_u8(high, bit), sixteen)}};
}

KL_INLINE uint8x16x2_t Either(uint8x16x2_t a, uint8x16x2_t b) {
  return {{vorrq_u8(a.val[0], b.val[0]), vorrq_u8(a.val[1], b.val[1])}};
}

struct TypeQ4_1 : BlocksOf32<20> {  // q d + m = (q - 8) d + (m + 8 d)
  static constexpr kl_dtype kType = KL_TYPE_Q4_1;
  static constexpr int kTraits = kNarrowWeights | kWithMinima;
  static KL_INLINE int8x16x2_t Load(const uint8_t* group, int j) {
    return TakeOff(LoadNibbles(group + 20 * j + 4), 8);
  }
  template <int kCount = 8>
  static KL_INLINE F8 Minima(const uint8_t* group) {
    return MultiplyAdd(Scales<kCount>(group), Splat8(8.0f), LoadHalves<20, kCount>(group + 2));
  }
};

struct TypeQ5_0 : BlocksOf32<22> {
  static constexpr kl_dtype kType = KL_TYPE_Q5_0;
  static constexpr int kTraits = kNarrowWeights;
  static KL_INLINE int8x16x2_t Load(const uint8_t* group, int j) {
    const uint8_t* block = group + 22 * j;
    return TakeOff(Either(LoadNibbles(block + 6), LoadFifthBits(block + 2)), 16);
  }
};

struct TypeQ5_1 : BlocksOf32<24> {  // q d + m = (q - 16) d + (m + 16 d)
  static constexpr kl_dtype kType = KL_TYPE_Q5_1;
  static constexpr int kTraits = kNarrowWeights | kWithMinima;
  static KL_INLINE int8x16x2_t Load(const uint8_t* group, int j) {
    const uint8_t* block = group + 24 * j;
    return TakeOff(Either(LoadNibbles(block + 8), LoadFifthBits(block + 4)), 16);
  }
  template <int kCount = 8>
  static KL_INLINE F8 Minima(const uint8_t* group) {
    return MultiplyAdd(Scales<kCount>(group), Splat8(16.0f), LoadHalves<24, kCount>(group + 2));
  }
};

struct TypeIQ4_NL : BlocksOf32<18> {
  static constexpr kl_dtype kType = KL_TYPE_IQ4_NL;
  static constexpr int kTraits = kPlain;
  static KL_INLINE int8x16x2_t Load(const uint8_t* group, int j) {
    const int8x16_t values = vld1q_s8(kinglet::kIQ4Values);
    const uint8x16x2_t codes = LoadNibbles(group + 18 * j + 2);
    return {{vqtbl1q_s8(values, codes.val[0]), vqtbl1q_s8(values, codes.val[1])}};
  }
};

struct TypeQ8_0 : BlocksOf32<34> {
  static constexpr kl_dtype kType = KL_TYPE_Q8_0;
  static constexpr int kTraits = kPlain;
  static KL_INLINE int8x16x2_t Load(const uint8_t* group, int j) {
    const int8_t* q = (const int8_t*)group + 34 * j + 2;
    return {{vld1q_s8(q), vld1q_s8(q + 16)}};
  }
};

// The eight 6-bit scales and, in `minima`, the eight 6-bit minima of Q4_K and Q5_K.
KL_INLINE uint8x8_t UnpackScalesK(const uint8_t* p, uint8x8_t* minima) {
  const uint32_t a = LoadU32(p);      // scales 0..3, top bits: high bits of scales 4..7
  const uint32_t b = LoadU32(p + 4);  // minima 0..3, top bits: high bits of minima 4..7
  const uint32_t c = LoadU32(p + 8);  // low halves: scales 4..7, high halves: minima 4..7
  const uint64_t scales_low = a & 0x3f3f3f3fu;
  const uint64_t scales_high = (c & 0x0f0f0f0fu) | ((a >> 2) & 0x30303030u);
  const uint64_t minima_low = b & 0x3f3f3f3fu;
  const uint64_t minima_high = ((c >> 4) & 0x0f0f0f0fu) | ((b >> 2) & 0x30303030u);
  *minima = vcreate_u8(minima_low | minima_high << 32);
  return vcreate_u8(scales_low | scales_high << 32);
}

// Each times lane kLane of d. Numbers become floats as biased sums do (products_neon.h).
template <int kLane>
KL_INLINE F8 TimesLane(uint8x8_t v, float32x4_t d) {
  const uint32x4_t bias = vdupq_n_u32(0x4b000000);  // the bits of 2^23
  const float32x4_t bias_as_float = vdupq_n_f32(8388608.0f);
  const uint16x8_t wide = vmovl_u8(v);
  const uint32x4_t low = vaddw_u16(bias, vget_low_u16(wide));
  const uint32x4_t high = vaddw_high_u16(bias, wide);
  return {vmulq_laneq_f32(vsubq_f32(vreinterpretq_f32_u32(low), bias_as_float), d, kLane),
          vmulq_laneq_f32(vsubq_f32(vreinterpretq_f32_u32(high), bias_as_float), d, kLane)};
}

// d and -dmin.
KL_INLINE float32x4_t FactorsK(const uint8_t* super) {
  const uint64_t halves = LoadU32(super) ^ 0x80000000u;
  return vcvt_f32_f16(vreinterpret_f16_u64(vcreate_u64(halves)));
}

// d * scale of the eight blocks.
KL_INLINE F8 ScalesK(const uint8_t* super) {
  uint8x8_t minima;
  const uint8x8_t scales = UnpackScalesK(super + 4, &minima);
  return TimesLane<0>(scales, FactorsK(super));
}

// offset * d * scale - dmin * minimum: what the sum of the activations is multiplied with.
KL_INLINE F8 MinimaK(const uint8_t* super, float offset) {
  uint8x8_t minima;
  UnpackScalesK(super + 4, &minima);
  return MultiplyAdd(ScalesK(super), Splat8(offset), TimesLane<1>(minima, FactorsK(super)));
}

// 32 bytes from `p`, each shifted right by `shift` and masked.
KL_INLINE uint8x16x2_t LoadBits(const uint8_t* p, int shift, uint8_t mask) {
  const int8x16_t right = vdupq_n_s8((int8_t)-shift);
  const uint8x16_t m = vdupq_n_u8(mask);
  return {
      {vandq_u8(vshlq_u8(vld1q_u8(p), right), m), vandq_u8(vshlq_u8(vld1q_u8(p + 16), right), m)}};
}

KL_INLINE uint8x16x2_t WithHighBits(uint8x16x2_t low, uint8x16x2_t high) {
  return {{vorrq_u8(low.val[0], vshlq_n_u8(high.val[0], 4)),
           vorrq_u8(low.val[1], vshlq_n_u8(high.val[1], 4))}};
}

struct TypeQ4_K {  // q d s - dmin m = (q - 8) d s + (8 d s - dmin m)
  static constexpr kl_dtype kType = KL_TYPE_Q4_K;
  static constexpr int kBlockColumns = 256;
  static constexpr int kTraits = kNarrowWeights | kWithMinima;
  static constexpr int kGroupBytes = 144;
  static KL_INLINE int8x16x2_t Load(const uint8_t* super, int j) {
    return TakeOff(LoadBits(super + 16 + 32 * (j / 2), 4 * (j % 2), 15), 8);
  }
  static KL_INLINE F8 Scales(const uint8_t* super) { return ScalesK(super); }
  static KL_INLINE F8 Minima(const uint8_t* super) { return MinimaK(super, 8.0f); }
  static KL_INLINE int Half(const uint8_t*, int, int) { return 1; }
};

struct TypeQ5_K {  // (q - 16) d s + (16 d s - dmin m)
  static constexpr kl_dtype kType = KL_TYPE_Q5_K;
  static constexpr int kBlockColumns = 256;
  static constexpr int kTraits = kNarrowWeights | kWithMinima;
  static constexpr int kGroupBytes = 176;
  static KL_INLINE int8x16x2_t Load(const uint8_t* super, int j) {
    const uint8x16x2_t low = LoadBits(super + 48 + 32 * (j / 2), 4 * (j % 2), 15);
    return TakeOff(WithHighBits(low, LoadBits(super + 16, j, 1)), 16);
  }
  static KL_INLINE F8 Scales(const uint8_t* super) { return ScalesK(super); }
  static KL_INLINE F8 Minima(const uint8_t* super) { return MinimaK(super, 16.0f); }
  static KL_INLINE int Half(const uint8_t*, int, int) { return 1; }
};

struct TypeQ6_K {  // d s (q - 32), s for each 16 columns
  static constexpr kl_dtype kType = KL_TYPE_Q6_K;
  static constexpr int kBlockColumns = 256;
  static constexpr int kTraits = kNarrowWeights | kHalvedScales;
  static constexpr int kGroupBytes = 210;
  static constexpr int kOffset = 32;
  static KL_INLINE int8x16x2_t Load(const uint8_t* super, int j) {
    const int n = j / 4;
    const int m = j % 4;
    const uint8x16x2_t low = LoadBits(super + 64 * n + 32 * (m % 2), 4 * (m / 2), 15);
    return TakeOff(WithHighBits(low, LoadBits(super + 128 + 32 * n, 2 * m, 3)), kOffset);
  }
  static KL_INLINE F8 Scales(const uint8_t* super) {
    return Splat8(HalfToFloat(LoadU16(super + 208)));
  }
  static KL_INLINE F8 Minima(const uint8_t*) { return Zero8(); }
  static KL_INLINE int Half(const uint8_t* super, int j, int h) {
    return (int8_t)super[192 + 2 * j + h];
  }
  // Four blocks share their bytes: blocks 4n and 4n + 1 have the low nibbles, the next two the high
  // ones, and a byte of high bits has two of each. Weights stay unsigned.
  static KL_INLINE F8 Integers(const uint8_t* super, const ActivationGroup& a) {
    const uint8x16_t six_bits = vdupq_n_u8(0x3f);
    const uint8x16_t upper_two = vdupq_n_u8(0x30);
    const int16x8_t scales = vreinterpretq_s16_u8(vld1q_u8(super + 192));
    const int16x8_t half_scales[2] = {vshrq_n_s16(vshlq_n_s16(scales, 8), 8),
                                      vshrq_n_s16(scales, 8)};
    int32x4_t sums[2];
#pragma GCC unroll 2
    for (int n = 0; n < 2; ++n) {
      int32x4_t half[2];
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        const uint8x16_t first = vld1q_u8(super + 64 * n + 16 * h);
        const uint8x16_t second = vld1q_u8(super + 64 * n + 32 + 16 * h);
        const uint8x16_t high = vld1q_u8(super + 128 + 32 * n + 16 * h);
        const uint8x16_t odd_high = vshrq_n_u8(high, 2);
        uint8x16_t w[4];
        w[2] = vsriq_n_u8(vandq_u8(high, upper_two), first, 4);
        w[3] = vsriq_n_u8(vandq_u8(odd_high, upper_two), second, 4);
        w[0] = vandq_u8(vsliq_n_u8(first, high, 4), six_bits);
        w[1] = vandq_u8(vsliq_n_u8(second, odd_high, 4), six_bits);
        int32x4_t p[4];
#pragma GCC unroll 4
        for (int m = 0; m < 4; ++m) {
          const int at = 128 * n + 32 * m + 16 * h;
          p[m] = Products16<true>(vreinterpretq_s8_u8(w[m]), vld1q_s8(a.natural + at),
                                  vld1q_s32(HalvedInit(a) + at / 4));
        }
        half[h] = SumEach4(p[0], p[1], p[2], p[3]);
      }
      const int32x4_t low_scales =
          n == 0 ? vmovl_s16(vget_low_s16(half_scales[0])) : vmovl_high_s16(half_scales[0]);
      const int32x4_t high_scales =
          n == 0 ? vmovl_s16(vget_low_s16(half_scales[1])) : vmovl_high_s16(half_scales[1]);
      sums[n] = vmlaq_s32(vmulq_s32(half[0], low_scales), half[1], high_scales);
    }
    return {vcvtq_f32_s32(sums[0]), vcvtq_f32_s32(sums[1])};
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_BLOCKS_NEON_H_
