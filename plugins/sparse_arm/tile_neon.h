// The inner block of the many-token product: 16 weight rows times a few tokens, 32 columns.
//
// A block of a panel is 512 bytes of signed weights, in the order in which the level reads them:
//   NEON, dotprod  [step 0..7][row 0..15][4]     columns 4*step .. 4*step + 3
//   i8mm           [step 0..3][row 0..15][8]     columns 8*step .. 8*step + 7
//
// KL_KEEP after each multiplication keeps the order of the source: gcc 12 otherwise loads all of a
// block's weights first, and spills them.
#ifndef PLUGINS_SPARSE_ARM_TILE_NEON_H_
#define PLUGINS_SPARSE_ARM_TILE_NEON_H_

#include "plugins/sparse_arm/products_neon.h"

#define KL_KEEP(v) asm volatile("" : "+w"(v))

namespace {

constexpr int kPanelRows = 16;
#if KL_ARM_DOTPROD
constexpr int kPanelTokens = 4;
#else
constexpr int kPanelTokens = 2;  // 16 registers of sums
#endif

// Where columns 4 * step .. 4 * step + 3 of a row lie in a block of a panel.
KL_INLINE int64_t PanelOffset(int64_t row, int64_t step) {
#if KL_ARM_I8MM
  return step / 2 * 128 + row * 8 + step % 2 * 4;
#else
  return step * 64 + row * 4;
#endif
}

// sums[t][r]: products of rows 4r .. 4r + 3 with token t over the columns [16 * kFirst, 16 * kLast)
// of a block. w: the panel's block; q[t]: the 32 activations. An odd last token of i8mm is its own
// pair.
#if KL_ARM_I8MM

template <bool kNarrow, int kTokens, int kFirst, int kLast>
KL_INLINE void MultiplyTile(const int8_t* w, const int8_t* const* q, int32x4_t sums[kTokens][4]) {
  constexpr int kPairs = (kTokens + 1) / 2;
  int32x4_t pair[kPairs][8];
#pragma GCC unroll 2
  for (int p = 0; p < kPairs; ++p) {
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) pair[p][r] = vdupq_n_s32(0);
  }
#pragma GCC unroll 2
  for (int half = kFirst; half < kLast; ++half) {
    int64x2_t x[2][kPairs];  // columns 0..7 and 8..15 of the half, two tokens each
#pragma GCC unroll 2
    for (int p = 0; p < kPairs; ++p) {
      const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(q[2 * p] + 16 * half));
      const int last = 2 * p + 1 < kTokens ? 2 * p + 1 : 2 * p;
      const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(q[last] + 16 * half));
      x[0][p] = vzip1q_s64(a, b);
      x[1][p] = vzip2q_s64(a, b);
    }
#pragma GCC unroll 2
    for (int s = 0; s < 2; ++s) {
#pragma GCC unroll 8
      for (int r = 0; r < 8; ++r) {
        const int8x16_t rows = vld1q_s8(w + 256 * half + 128 * s + 16 * r);
#pragma GCC unroll 2
        for (int p = 0; p < kPairs; ++p) {
          pair[p][r] = vmmlaq_s32(pair[p][r], rows, vreinterpretq_s8_s64(x[s][p]));
          KL_KEEP(pair[p][r]);
        }
      }
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

// Columns 4 * kStep .. 4 * kStep + 3 of the 16 in x.
template <int kStep, int kTokens>
KL_INLINE void MultiplyStep(const int8_t* w, const int8x16_t* x, int32x4_t sums[kTokens][4]) {
  int8x16_t rows[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) rows[r] = vld1q_s8(w + 64 * kStep + 16 * r);
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      sums[t][r] = vdotq_laneq_s32(sums[t][r], rows[r], x[t], kStep);
      KL_KEEP(sums[t][r]);
    }
  }
}

template <bool kNarrow, int kTokens, int kFirst, int kLast>
KL_INLINE void MultiplyTile(const int8_t* w, const int8_t* const* q, int32x4_t sums[kTokens][4]) {
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) sums[t][r] = vdupq_n_s32(0);
  }
#pragma GCC unroll 2
  for (int half = kFirst; half < kLast; ++half) {
    int8x16_t x[kTokens];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) x[t] = vld1q_s8(q[t] + 16 * half);
    const int8_t* at = w + 256 * half;
    MultiplyStep<0, kTokens>(at, x, sums);
    MultiplyStep<1, kTokens>(at, x, sums);
    MultiplyStep<2, kTokens>(at, x, sums);
    MultiplyStep<3, kTokens>(at, x, sums);
  }
}

#else

// Each of eight vectors has two rows, four columns each. Columns 4 * kStep .. of the 16 in x.
template <int kStep>
KL_INLINE int8x16_t FourColumns(int8x16_t x) {
  return vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), kStep));
}

// Narrow weights: eight steps fit 16 bits.
template <int kStep, int kTokens>
KL_INLINE void MultiplyStep(const int8_t* w, const int8x16_t* x, int16x8_t narrow[kTokens][8]) {
  int8x16_t columns[kTokens];
#pragma GCC unroll 2
  for (int t = 0; t < kTokens; ++t) columns[t] = FourColumns<kStep>(x[t]);
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    const int8x16_t rows = vld1q_s8(w + 64 * kStep + 16 * r);
#pragma GCC unroll 2
    for (int t = 0; t < kTokens; ++t) {
      narrow[t][2 * r] = vmlal_s8(narrow[t][2 * r], vget_low_s8(rows), vget_low_s8(columns[t]));
      narrow[t][2 * r + 1] = vmlal_high_s8(narrow[t][2 * r + 1], rows, columns[t]);
      KL_KEEP(narrow[t][2 * r]);
      KL_KEEP(narrow[t][2 * r + 1]);
    }
  }
}

// Any bytes: two steps fit 16 bits.
template <int kStep, int kTokens>
KL_INLINE void MultiplyTwoSteps(const int8_t* w, const int8x16_t* x, int32x4_t wide[kTokens][8]) {
  int8x16_t first[kTokens];
  int8x16_t second[kTokens];
#pragma GCC unroll 2
  for (int t = 0; t < kTokens; ++t) {
    first[t] = FourColumns<kStep>(x[t]);
    second[t] = FourColumns<kStep + 1>(x[t]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    const int8x16_t a = vld1q_s8(w + 64 * kStep + 16 * r);
    const int8x16_t b = vld1q_s8(w + 64 * kStep + 64 + 16 * r);
#pragma GCC unroll 2
    for (int t = 0; t < kTokens; ++t) {
      const int16x8_t low = vmlal_s8(vmull_s8(vget_low_s8(a), vget_low_s8(first[t])),
                                     vget_low_s8(b), vget_low_s8(second[t]));
      const int16x8_t high = vmlal_high_s8(vmull_high_s8(a, first[t]), b, second[t]);
      wide[t][2 * r] = vpadalq_s16(wide[t][2 * r], low);
      wide[t][2 * r + 1] = vpadalq_s16(wide[t][2 * r + 1], high);
      KL_KEEP(wide[t][2 * r]);
      KL_KEEP(wide[t][2 * r + 1]);
    }
  }
}

template <bool kNarrow, int kTokens, int kFirst, int kLast>
KL_INLINE void MultiplyTile(const int8_t* w, const int8_t* const* q, int32x4_t sums[kTokens][4]) {
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
#pragma GCC unroll 2
  for (int half = kFirst; half < kLast; ++half) {
    int8x16_t x[kTokens];
#pragma GCC unroll 2
    for (int t = 0; t < kTokens; ++t) x[t] = vld1q_s8(q[t] + 16 * half);
    const int8_t* at = w + 256 * half;
    if (kNarrow) {
      MultiplyStep<0, kTokens>(at, x, narrow);
      MultiplyStep<1, kTokens>(at, x, narrow);
      MultiplyStep<2, kTokens>(at, x, narrow);
      MultiplyStep<3, kTokens>(at, x, narrow);
    } else {
      MultiplyTwoSteps<0, kTokens>(at, x, wide);
      MultiplyTwoSteps<2, kTokens>(at, x, wide);
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
