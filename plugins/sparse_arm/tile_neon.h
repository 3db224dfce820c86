// The inner block of the many-token product: weight rows times a few tokens, 32 columns.
//
// A tile is 8 rows x 4 tokens with dotprod, 16 x 2 otherwise, as eight or sixteen vectors of four
// whole numbers. Vector v has
//   NEON, dotprod   rows 4r .. 4r + 3 of token t, v = t * kPanelTileRows / 4 + r
//   i8mm            rows 2v and 2v + 1, each with both tokens: what smmla gives
//
// A block of a panel is 512 bytes of signed weights, in the order in which the level reads them:
//   NEON, dotprod  [step 0..7][row 0..15][4]     columns 4*step .. 4*step + 3
//   i8mm           [step 0..3][row 0..15][8]     columns 8*step .. 8*step + 7
//
// Sums are biased (products_neon.h); tile_sums_neon.h starts them and makes floats of them.
#ifndef PLUGINS_SPARSE_ARM_TILE_NEON_H_
#define PLUGINS_SPARSE_ARM_TILE_NEON_H_

#include "plugins/sparse_arm/products_neon.h"

// The order of the source is kept: gcc 12 otherwise loads all of a block's weights first, and
// spills.
#define KL_KEEP(v) asm volatile("" : "+w"(v))

namespace {

constexpr int kPanelRows = 16;
#if KL_ARM_DOTPROD && !KL_ARM_I8MM
constexpr int kPanelTileRows = 8;
constexpr int kPanelTokens = 4;
#else
constexpr int kPanelTileRows = 16;
constexpr int kPanelTokens = 2;
#endif

// Vectors of a tile of so many tokens.
constexpr int TileVectors(int tokens) {
  return KL_ARM_I8MM ? kPanelTileRows / 2 : tokens * kPanelTileRows / 4;
}

// Where columns 4 * step .. 4 * step + 3 of a row lie in a block of a panel.
KL_INLINE int64_t PanelOffset(int64_t row, int64_t step) {
#if KL_ARM_I8MM
  return step / 2 * 128 + row * 8 + step % 2 * 4;
#else
  return step * 64 + row * 4;
#endif
}

// Floats of the rows of a block, a number each: in the order of a tile's vectors.
#if KL_ARM_I8MM
constexpr int kFactorsOfBlock = 2 * kPanelRows;  // each twice
KL_INLINE void PutFactor(float* factors, int64_t row, float value) {
  factors[2 * row] = value;
  factors[2 * row + 1] = value;
}
// Those of vector v of a tile whose first row is 0.
KL_INLINE float32x4_t FactorsOf(const float* factors, int v) { return vld1q_f32(factors + 4 * v); }
// A number of each token, as it meets a vector.
using TokenFactor = float32x4_t;
template <int kTokens>
KL_INLINE TokenFactor TokenFactorOf(const float* const* numbers, int64_t at, int) {
  const float32x2_t pair = {numbers[0][at], numbers[kTokens - 1][at]};
  return vcombine_f32(pair, pair);
}
constexpr int kTokenFactors = 1;
KL_INLINE float32x4_t Times(float32x4_t a, TokenFactor b) { return vmulq_f32(a, b); }
KL_INLINE float32x4_t AddTimes(float32x4_t c, float32x4_t a, TokenFactor b) {
  return vfmaq_f32(c, a, b);
}
#else
constexpr int kFactorsOfBlock = kPanelRows;
KL_INLINE void PutFactor(float* factors, int64_t row, float value) { factors[row] = value; }
KL_INLINE float32x4_t FactorsOf(const float* factors, int v) {
  return vld1q_f32(factors + v % (kPanelTileRows / 4) * 4);
}
using TokenFactor = float;
template <int kTokens>
KL_INLINE TokenFactor TokenFactorOf(const float* const* numbers, int64_t at, int t) {
  return numbers[t][at];
}
constexpr int kTokenFactors = kPanelTokens;
KL_INLINE float32x4_t Times(float32x4_t a, TokenFactor b) { return vmulq_n_f32(a, b); }
KL_INLINE float32x4_t AddTimes(float32x4_t c, float32x4_t a, TokenFactor b) {
  return vfmaq_n_f32(c, a, b);
}
#endif

// The token that vector v belongs to, as an index of token factors.
#if KL_ARM_I8MM
KL_INLINE int TokenOf(int) { return 0; }
#else
KL_INLINE int TokenOf(int v) { return v / (kPanelTileRows / 4); }
#endif

// sums[0..7]: biased products over the columns [16 * kFirst, 16 * kLast) of a block; with dotprod
// they are added to what is there. w: the panel's
// block from the tile's first row on; q[t]: the 32 activations of a token. `first` holds the first
// rows at w, or at the second half where kFirst is 1, and then those of what follows: the second
// half or, if kLast is 2, the block at `next`. The products of a half block are one piece of
// assembly: gcc 12 moves loads next to where they are used, for which a processor in order waits,
// and copies sums from register to register. Rows are loaded one step ahead, the last time from
// `next`: the first rows of what is multiplied then.
#if KL_ARM_I8MM

struct FirstRows {
  int8x16_t rows[4];
};
KL_INLINE FirstRows LoadFirstRows(const int8_t* w) {
  return {{vld1q_s8(w), vld1q_s8(w + 16), vld1q_s8(w + 32), vld1q_s8(w + 48)}};
}

#define KL_FOUR_PRODUCTS(s0, s1, s2, s3, x, from, at)                            \
  "smmla %[" s0 "].4s, %[a].16b, %[" x "].16b\n\tldr %q[a], [%[" from "], #" #at \
  "]\n\t"                                                                        \
  "smmla %[" s1 "].4s, %[b].16b, %[" x "].16b\n\tldr %q[b], [%[" from "], #" #at \
  "+16]\n\t"                                                                     \
  "smmla %[" s2 "].4s, %[c].16b, %[" x "].16b\n\tldr %q[c], [%[" from "], #" #at \
  "+32]\n\t"                                                                     \
  "smmla %[" s3 "].4s, %[d].16b, %[" x "].16b\n\tldr %q[d], [%[" from "], #" #at "+48]\n\t"

// Columns 16 * half .. of a block whose rows of that half are at w.
template <int kTokens>
KL_INLINE void MultiplyHalf(const int8_t* w, const int8_t* next, const int8_t* const* q, int half,
                            FirstRows* first, int32x4_t* s) {
  const int64x2_t even = vreinterpretq_s64_s8(vld1q_s8(q[0] + 16 * half));
  const int64x2_t odd = vreinterpretq_s64_s8(vld1q_s8(q[kTokens - 1] + 16 * half));
  const int64x2_t x = vzip1q_s64(even, odd);
  const int64x2_t y = vzip2q_s64(even, odd);
  asm volatile(
      KL_FOUR_PRODUCTS("s0", "s1", "s2", "s3", "x", "w", 64)
          KL_FOUR_PRODUCTS("s4", "s5", "s6", "s7", "x", "w", 128)
              KL_FOUR_PRODUCTS("s0", "s1", "s2", "s3", "y", "w", 192)
                  KL_FOUR_PRODUCTS("s4", "s5", "s6", "s7", "y", "next", 0)
      : [s0] "+w"(s[0]), [s1] "+w"(s[1]), [s2] "+w"(s[2]), [s3] "+w"(s[3]), [s4] "+w"(s[4]),
        [s5] "+w"(s[5]), [s6] "+w"(s[6]), [s7] "+w"(s[7]), [a] "+w"(first->rows[0]),
        [b] "+w"(first->rows[1]), [c] "+w"(first->rows[2]), [d] "+w"(first->rows[3])
      : [x] "w"(x), [y] "w"(y), [w] "r"(w), [next] "r"(next)
      : "memory");
}

template <bool kNarrow, int kTokens, int kFirst, int kLast>
KL_INLINE void MultiplyTile(const int8_t* w, const int8_t* next, const int8_t* const* q,
                            FirstRows* first, int32x4_t* sums) {
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) sums[v] = vdupq_n_s32(kBias);
  if (kFirst == 0) MultiplyHalf<kTokens>(w, w + 256, q, 0, first, sums);
  if (kLast == 2) MultiplyHalf<kTokens>(w + 256, next, q, 1, first, sums);
}

#elif KL_ARM_DOTPROD

struct FirstRows {
  int8x16_t rows[4];  // of two steps
};
KL_INLINE FirstRows LoadFirstRows(const int8_t* w) {
  return {{vld1q_s8(w), vld1q_s8(w + 16), vld1q_s8(w + 64), vld1q_s8(w + 80)}};
}

#define KL_ONE_TOKEN(v, rows, x, step) \
  "sdot %[s" v "].4s, %[" rows "].16b, %[x" x "].4b[" step "]\n\t"
#define KL_FOUR_TOKENS(v0, v1, v2, v3, rows, step, from, at) \
  KL_ONE_TOKEN(v0, rows, "0", step)                          \
  KL_ONE_TOKEN(v1, rows, "1", step)                          \
  KL_ONE_TOKEN(v2, rows, "2", step)                          \
  KL_ONE_TOKEN(v3, rows, "3", step) "ldr %q[" rows "], [%[" from "], #" #at "]\n\t"
#define KL_TILE_STEP(lower, upper, step, from, at)          \
  KL_FOUR_TOKENS("0", "2", "4", "6", lower, step, from, at) \
  KL_FOUR_TOKENS("1", "3", "5", "7", upper, step, from, at + 16)

// Columns 16 * half .. of a block whose rows of that half are at w. Fewer than four tokens compute
// the last one again, which nobody reads.
template <int kTokens>
KL_INLINE void MultiplyHalf(const int8_t* w, const int8_t* next, const int8_t* const* q, int half,
                            FirstRows* first, int32x4_t* s) {
  int8x16_t x[4];
#pragma GCC unroll 4
  for (int t = 0; t < 4; ++t) x[t] = vld1q_s8(q[t < kTokens ? t : kTokens - 1] + 16 * half);
  asm volatile(
      KL_TILE_STEP("a", "b", "0", "w", 128) KL_TILE_STEP("c", "d", "1", "w", 192)
          KL_TILE_STEP("a", "b", "2", "next", 0) KL_TILE_STEP("c", "d", "3", "next", 64)
      : [s0] "+w"(s[0]), [s1] "+w"(s[1]), [s2] "+w"(s[2]), [s3] "+w"(s[3]), [s4] "+w"(s[4]),
        [s5] "+w"(s[5]), [s6] "+w"(s[6]), [s7] "+w"(s[7]), [a] "+w"(first->rows[0]),
        [b] "+w"(first->rows[1]), [c] "+w"(first->rows[2]), [d] "+w"(first->rows[3])
      : [x0] "w"(x[0]), [x1] "w"(x[1]), [x2] "w"(x[2]), [x3] "w"(x[3]), [w] "r"(w), [next] "r"(next)
      : "memory");
}

template <bool kNarrow, int kTokens, int kFirst, int kLast>
KL_INLINE void MultiplyTile(const int8_t* w, const int8_t* next, const int8_t* const* q,
                            FirstRows* first, int32x4_t* sums) {
  if (kFirst == 0) MultiplyHalf<kTokens>(w, w + 256, q, 0, first, sums);
  if (kLast == 2) MultiplyHalf<kTokens>(w + 256, next, q, 1, first, sums);
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

struct FirstRows {};
KL_INLINE FirstRows LoadFirstRows(const int8_t*) { return {}; }

template <bool kNarrow, int kTokens, int kFirst, int kLast>
KL_INLINE void MultiplyTile(const int8_t* w, const int8_t*, const int8_t* const* q, FirstRows*,
                            int32x4_t* sums) {
  const int32x4_t half_bias = vdupq_n_s32(kBias / 2);  // two lanes are added up
  int16x8_t narrow[kTokens][8];
  int32x4_t wide[kTokens][8];
#pragma GCC unroll 2
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) {
      narrow[t][r] = vdupq_n_s16(0);
      wide[t][r] = half_bias;
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
      const int32x4_t a = kNarrow ? vpadalq_s16(half_bias, narrow[t][2 * r]) : wide[t][2 * r];
      const int32x4_t b =
          kNarrow ? vpadalq_s16(half_bias, narrow[t][2 * r + 1]) : wide[t][2 * r + 1];
      sums[4 * t + r] = vpaddq_s32(a, b);
    }
  }
}

#endif

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_TILE_NEON_H_
