// Quantises activations; plugins/common/kernels/activation_group.h says what for.
//
// Here `init` is one biased number a block (products_neon.h), from which the one-token products in
// the K8 layout start; types with halved scales have two, unbiased. In natural order these have in
// the place of q one number for each four columns. Everything else has the offset taken off.
#ifndef PLUGINS_SPARSE_ARM_ACTIVATIONS_NEON_H_
#define PLUGINS_SPARSE_ARM_ACTIVATIONS_NEON_H_

#include <arm_neon.h>

#include "plugins/common/kernels/activation_group.h"
#include "plugins/sparse_arm/products_neon.h"

namespace {

// -offset * the sum of each four columns.
KL_INLINE int32_t* HalvedInit(ActivationGroup* group) { return (int32_t*)group->q; }
KL_INLINE const int32_t* HalvedInit(const ActivationGroup& group) {
  return (const int32_t*)group.q;
}

// Quantises 32 floats into block j of a group.
KL_INLINE void QuantiseBlock(const float* x, ActivationForm form, ActivationGroup* group,
                             int64_t j) {
  float32x4_t v[8];
  float32x4_t m = vdupq_n_f32(0.0f);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    v[i] = vld1q_f32(x + 4 * i);
    m = vmaxq_f32(m, vabsq_f32(v[i]));
  }
  const float largest = vmaxvq_f32(m);
  const float d = largest / 127.0f;
  // A block of denormals has no usable inverse: it counts as zero.
  const float inverse = largest > 1e-30f ? 127.0f / largest : 0.0f;
  int8x16_t q[2];
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    int16x4_t w[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      w[i] = vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(v[4 * half + i], inverse)));
    }
    q[half] =
        vcombine_s8(vqmovn_s16(vcombine_s16(w[0], w[1])), vqmovn_s16(vcombine_s16(w[2], w[3])));
    q[half] = vmaxq_s8(q[half], vdupq_n_s8(-127));
  }
  vst1q_s8(group->natural + 32 * j, q[0]);
  vst1q_s8(group->natural + 32 * j + 16, q[1]);
  if (form.order == kInterleaved) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int32x4_t dwords = vreinterpretq_s32_s8(q[half]);
      int32_t* column = (int32_t*)group->q + 32 * half + j;
      vst1q_lane_s32(column, dwords, 0);
      vst1q_lane_s32(column + 8, dwords, 1);
      vst1q_lane_s32(column + 16, dwords, 2);
      vst1q_lane_s32(column + 24, dwords, 3);
    }
  }
  const int32_t low = vaddlvq_s8(q[0]);
  const int32_t high = vaddlvq_s8(q[1]);
  const int32_t total = low + high;
  if (form.halved && form.order == kNatural) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int32x4_t fours = vpaddlq_s16(vpaddlq_s8(q[half]));
      vst1q_s32(HalvedInit(group) + 8 * j + 4 * half, vmulq_n_s32(fours, -form.offset));
    }
  }
  group->init[j] = form.halved ? -form.offset * low : kBias - form.offset * total;
  group->init_high[j] = form.halved ? -form.offset * high : 0;
  group->d[j] = inverse > 0.0f ? d : 0.0f * largest;  // NaN and infinity stay visible
  group->d_sum[j] = group->d[j] * (float)total;
}

// Quantises one row of `columns` (a multiple of 32) floats. Blocks past its end become zeros.
KL_INLINE void QuantiseRow(const float* x, int64_t columns, ActivationForm form,
                           ActivationGroup* groups) {
  const int64_t blocks = columns / 32;
  if (blocks % 8 != 0) memset(groups + blocks / 8, 0, sizeof(ActivationGroup));
  for (int64_t b = 0; b < blocks; ++b) QuantiseBlock(x + 32 * b, form, groups + b / 8, b % 8);
}

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_ACTIVATIONS_NEON_H_
