// The integer products that everything here is made of, in the instructions of each level:
//
//   NEON      smull, smlal (8 products into 16 bits), sadalp     every 64-bit ARM
//   dotprod   sdot (16 products into four 32-bit sums)           Cortex-A55, A75, A76 and later
//   i8mm      smmla (2 x 8 by 8 x 2)                             Cortex-A510, A710, X2 and later
//
// All sums are exact, so the levels agree to the last bit.
// A weight is narrow when it is within -32..31: then eight products fit 16 bits (8 * 32 * 127 =
// 32,512).
#ifndef PLUGINS_SPARSE_ARM_PRODUCTS_NEON_H_
#define PLUGINS_SPARSE_ARM_PRODUCTS_NEON_H_

#include <arm_neon.h>

#include "plugins/common/kernels/activation_group.h"

#if defined(__ARM_FEATURE_DOTPROD)
#define KL_ARM_DOTPROD 1
#else
#define KL_ARM_DOTPROD 0
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8)
#define KL_ARM_I8MM 1
#else
#define KL_ARM_I8MM 0
#endif

namespace {

// Four sums whose total is the product of 16 columns.
template <bool kNarrow>
KL_INLINE int32x4_t Products16(int8x16_t w, int8x16_t x, int32x4_t sum) {
#if KL_ARM_DOTPROD
  return vdotq_s32(sum, w, x);
#else
  // Two products of any bytes fit as well: 2 * 128 * 127.
  const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
  return vpadalq_s16(sum, vmlal_high_s8(low, w, x));
#endif
}

// Four sums whose total is the product of 32 columns.
template <bool kNarrow>
KL_INLINE int32x4_t Products32(int8x16x2_t w, const int8_t* x) {
  const int8x16_t x0 = vld1q_s8(x);
  const int8x16_t x1 = vld1q_s8(x + 16);
#if !KL_ARM_DOTPROD
  if (kNarrow) {
    int16x8_t sum = vmull_s8(vget_low_s8(w.val[0]), vget_low_s8(x0));
    sum = vmlal_high_s8(sum, w.val[0], x0);
    sum = vmlal_s8(sum, vget_low_s8(w.val[1]), vget_low_s8(x1));
    return vpaddlq_s16(vmlal_high_s8(sum, w.val[1], x1));
  }
#endif
  const int32x4_t sum = Products16<kNarrow>(w.val[0], x0, vdupq_n_s32(0));
  return Products16<kNarrow>(w.val[1], x1, sum);
}

// A biased sum: its bits are those of the float 1.5 * 2^23 + sum, so that a subtraction makes a
// float of it. The instruction that converts takes four times as long on a Cortex-A76. |sum| <
// 2^22: the products of 32 bytes are below 520,193.
constexpr int32_t kBias = 0x4b400000;
constexpr float kBiasAsFloat = 12582912.0f;
KL_INLINE float32x4_t TakeBiasOff(int32x4_t v) {
  return vsubq_f32(vreinterpretq_f32_s32(v), vdupq_n_f32(kBiasAsFloat));
}

// Lane i: the total of vector i.
KL_INLINE int32x4_t SumEach4(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
  return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_PRODUCTS_NEON_H_
