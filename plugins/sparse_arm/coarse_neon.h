// The sums behind estimates from a coarse copy (plugins/common/kernels/coarse.h): one tbl looks up
// 32 weights.
//
// A vector of 32 rows is two registers; lane quad q of register r is rows 8q + 4r .. 8q + 4r + 3.
#ifndef PLUGINS_SPARSE_ARM_COARSE_NEON_H_
#define PLUGINS_SPARSE_ARM_COARSE_NEON_H_

#include "plugins/common/kernels/coarse.h"

namespace {

struct CoarseSums {
  // One block's looked-up values, register `r`: even and odd halves of the columns are signed
  // bytes, eight of which fit. Lanes of *low and *high: bytes 0..7 and 8..15.
  static KL_INLINE void SumBlock(const uint8_t (*codes)[32], const int8_t (*tables)[16], int r,
                                 int16x8_t* low, int16x8_t* high) {
    const uint8x16_t nibble = vdupq_n_u8(15);
    int8x16_t half[2];
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      int8x16_t even;
      int8x16_t odd;
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const uint8x16_t code = vld1q_u8(codes[4 * h + v] + 16 * r);
        const int8_t(*pair)[16] = tables + 2 * (4 * h + v);
        const int8x16_t t0 = vqtbl1q_s8(vld1q_s8(pair[0]), vandq_u8(code, nibble));
        const int8x16_t t1 = vqtbl1q_s8(vld1q_s8(pair[1]), vshrq_n_u8(code, 4));
        even = v == 0 ? t0 : vaddq_s8(even, t0);
        odd = v == 0 ? t1 : vaddq_s8(odd, t1);
      }
      half[h] = vaddq_s8(even, odd);
    }
    *low = vaddl_s8(vget_low_s8(half[0]), vget_low_s8(half[1]));
    *high = vaddl_high_s8(half[0], half[1]);
  }

  // sums[2 * q + r] += step * sum for quad q of register r, both blocks of a pair.
  static KL_INLINE void AddSteps(int16x8_t sum, int16x8_t steps, int32x4_t* first,
                                 int32x4_t* second) {
    *first = vmlal_s16(*first, vget_low_s16(sum), vget_low_s16(steps));
    *second = vmlal_high_s16(*second, sum, steps);
  }

  static KL_INLINE void SumGroup(const CoarseGroup& group, const int8_t (*tables)[16],
                                 const uint8_t* ahead, F8* sums) {
    int32x4_t sum[2][4];
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) sum[r][q] = vdupq_n_s32(0);
    }
    for (int pair = 0; pair < 4; ++pair) {
#pragma GCC unroll 10
      for (int line = 0; line < 10; ++line) PrefetchStreamed(ahead + 592 * pair + 64 * line);
      // Units of four rows: .val[r] of one load has the rows of register r's quads.
      const uint64_t* units = (const uint64_t*)group.steps[pair];
      const uint64x2x2_t steps[2] = {vld2q_u64(units), vld2q_u64(units + 4)};
#pragma GCC unroll 2
      for (int b = 0; b < 2; ++b) {
#pragma GCC unroll 2
        for (int r = 0; r < 2; ++r) {
          int16x8_t low;
          int16x8_t high;
          SumBlock(group.codes[2 * pair + b], tables + 32 * pair + 16 * b, r, &low, &high);
          AddSteps(low, StepsOf(steps[0].val[r], b), &sum[r][0], &sum[r][1]);
          AddSteps(high, StepsOf(steps[1].val[r], b), &sum[r][2], &sum[r][3]);
        }
      }
    }
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sums[q] = {vcvtq_f32_s32(sum[0][q]), vcvtq_f32_s32(sum[1][q])};
  }

  // The steps of block b among pairs of both blocks'.
  static KL_INLINE int16x8_t StepsOf(uint64x2_t pairs, int b) {
    const uint16x8_t v = vreinterpretq_u16_u64(pairs);
    return vreinterpretq_s16_u16(b == 0 ? vandq_u16(v, vdupq_n_u16(255)) : vshrq_n_u16(v, 8));
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_COARSE_NEON_H_
