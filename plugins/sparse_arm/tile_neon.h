// The inner block of the many-token product: 16 weight rows times up to 4 tokens, 32 columns.
//
// A block of a panel is 512 bytes of signed weights, in the order in which the level reads them:
//   NEON, dotprod  [step 0..7][row 0..15][4]     columns 4*step .. 4*step + 3
//   i8mm           [step 0..3][row 0..15][8]     columns 8*step .. 8*step + 7
#ifndef PLUGINS_SPARSE_ARM_TILE_NEON_H_
#define PLUGINS_SPARSE_ARM_TILE_NEON_H_

#include "plugins/sparse_arm/products_neon.h"

namespace {

constexpr int kPanelRows = 16;
#if KL_ARM_DOTPROD
constexpr int kTileTokens = 4;
#else
constexpr int kTileTokens = 2;  // 16 registers of sums
#endif

// Where columns 4 * step .. 4 * step + 3 of a row lie in a block of a panel.
KL_INLINE int64_t PanelOffset(int64_t row, int64_t step) {
#if KL_ARM_I8MM
  return step / 2 * 128 + row * 8 + step % 2 * 4;
#else
  return step * 64 + row * 4;
#endif
}

// Columns 4 * step .. of block j, as four bytes.
template <ActivationOrder kOrder>
KL_INLINE const int32_t* ActivationAt(const ActivationGroup* group, int64_t j, int step) {
  const int64_t at = kOrder == kNatural ? 32 * j + 4 * step : 32 * step + 4 * j;
  return (const int32_t*)(group->q + at);
}

// sums[t][r]: products of rows 4r .. 4r + 3 with token t over the steps [kFirst, kFirst + kSteps)
// of block j. An odd last token of i8mm is its own pair.
#if KL_ARM_I8MM

template <bool kNarrow, ActivationOrder kOrder, int kTokens, int kFirst, int kSteps>
KL_INLINE void MultiplyTile(const int8_t* w, const ActivationGroup* const* groups, int64_t j,
                            int32x4_t sums[kTokens][4]) {
  constexpr int kPairs = (kTokens + 1) / 2;
  int32x4_t pair[kPairs][8];
#pragma GCC unroll 2
  for (int p = 0; p < kPairs; ++p) {
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) pair[p][r] = vdupq_n_s32(0);
  }
#pragma GCC unroll 4
  for (int s = kFirst / 2; s < (kFirst + kSteps) / 2; ++s) {
    int8x16_t x[kPairs];
#pragma GCC unroll 2
    for (int p = 0; p < kPairs; ++p) {
      const ActivationGroup* a = groups[2 * p];
      const ActivationGroup* b = groups[2 * p + 1 < kTokens ? 2 * p + 1 : 2 * p];
      if (kOrder == kNatural) {
        x[p] = vcombine_s8(vld1_s8((const int8_t*)ActivationAt<kOrder>(a, j, 2 * s)),
                           vld1_s8((const int8_t*)ActivationAt<kOrder>(b, j, 2 * s)));
      } else {
        int32x4_t v = vld1q_dup_s32(ActivationAt<kOrder>(a, j, 2 * s));
        v = vld1q_lane_s32(ActivationAt<kOrder>(a, j, 2 * s + 1), v, 1);
        v = vld1q_lane_s32(ActivationAt<kOrder>(b, j, 2 * s), v, 2);
        v = vld1q_lane_s32(ActivationAt<kOrder>(b, j, 2 * s + 1), v, 3);
        x[p] = vreinterpretq_s8_s32(v);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) {
      const int8x16_t rows = vld1q_s8(w + 128 * s + 16 * r);
#pragma GCC unroll 2
      for (int p = 0; p < kPairs; ++p) pair[p][r] = vmmlaq_s32(pair[p][r], rows, x[p]);
    }
  }
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const int32x4_t a = pair[t / 2][2 * r];
      const int32x4_t b = pair[t / 2][2 * r + 1];
      sums[t][r] = t % 2 == 0 ? vuzp1q_s32(a, b) : vuzp2q_s32(a, b);
    }
  }
}

#elif KL_ARM_DOTPROD

template <bool kNarrow, ActivationOrder kOrder, int kTokens, int kFirst, int kSteps>
KL_INLINE void MultiplyTile(const int8_t* w, const ActivationGroup* const* groups, int64_t j,
                            int32x4_t sums[kTokens][4]) {
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) sums[t][r] = vdupq_n_s32(0);
  }
#pragma GCC unroll 8
  for (int s = kFirst; s < kFirst + kSteps; ++s) {
    int8x16_t rows[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) rows[r] = vld1q_s8(w + 64 * s + 16 * r);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const int8x16_t x =
          vreinterpretq_s8_s32(vld1q_dup_s32(ActivationAt<kOrder>(groups[t], j, s)));
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) sums[t][r] = vdotq_s32(sums[t][r], rows[r], x);
    }
  }
}

#else

template <bool kNarrow, ActivationOrder kOrder, int kTokens, int kFirst, int kSteps>
KL_INLINE void MultiplyTile(const int8_t* w, const ActivationGroup* const* groups, int64_t j,
                            int32x4_t sums[kTokens][4]) {
  // Each of eight vectors: two rows, four columns each.
  int16x8_t narrow[kTokens][8];
  int32x4_t wide[kTokens][8];
#pragma GCC unroll 2
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) {
      narrow[t][r] = vdupq_n_s16(0);
      wide[t][r] = vdupq_n_s32(0);
    }
  }
  // Two steps of any bytes fit 16 bits, eight of narrow ones.
#pragma GCC unroll 8
  for (int s = kFirst; s < kFirst + kSteps; ++s) {
#pragma GCC unroll 2
    for (int t = 0; t < kTokens; ++t) {
      const int8x16_t x =
          vreinterpretq_s8_s32(vld1q_dup_s32(ActivationAt<kOrder>(groups[t], j, s)));
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) {
        const int8x16_t rows = vld1q_s8(w + 64 * s + 16 * r);
        if (kNarrow || s % 2 == 1) {
          narrow[t][2 * r] = vmlal_s8(narrow[t][2 * r], vget_low_s8(rows), vget_low_s8(x));
          narrow[t][2 * r + 1] = vmlal_high_s8(narrow[t][2 * r + 1], rows, x);
        } else {
          narrow[t][2 * r] = vmull_s8(vget_low_s8(rows), vget_low_s8(x));
          narrow[t][2 * r + 1] = vmull_high_s8(rows, x);
        }
      }
    }
    if (!kNarrow && s % 2 == 1) {
#pragma GCC unroll 2
      for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 8
        for (int r = 0; r < 8; ++r) wide[t][r] = vpadalq_s16(wide[t][r], narrow[t][r]);
      }
    }
  }
#pragma GCC unroll 2
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const int32x4_t a = kNarrow ? vpaddlq_s16(narrow[t][2 * r]) : wide[t][2 * r];
      const int32x4_t b = kNarrow ? vpaddlq_s16(narrow[t][2 * r + 1]) : wide[t][2 * r + 1];
      sums[t][r] = vpaddq_s32(a, b);
    }
  }
}

#endif

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_TILE_NEON_H_
