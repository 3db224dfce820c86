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
// Here are the products of i8mm and dotprod; narrow_tile_neon.h and wide_tile_neon.h have NEON's. Sums
// are biased (products_neon.h); tile_sums_neon.h starts them and makes floats of them.
#ifndef PLUGINS_SPARSE_ARM_TILE_NEON_H_
#define PLUGINS_SPARSE_ARM_TILE_NEON_H_

#include "plugins/sparse_arm/products_neon.h"

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
#else
constexpr int kFactorsOfBlock = kPanelRows;
KL_INLINE void PutFactor(float* factors, int64_t row, float value) { factors[row] = value; }
// The token that vector v belongs to.
KL_INLINE int TokenOf(int v) { return v / (kPanelTileRows / 4); }
#endif

// Of the rows of a tile in one block, from its first row on; halves as in Panel.
struct TileFactors {
  const float* scales;
  const float* minima;
  const float* halves;
};

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

template <int kTokens, int kFirst, int kLast>
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

template <int kTokens, int kFirst, int kLast>
KL_INLINE void MultiplyTile(const int8_t* w, const int8_t* next, const int8_t* const* q,
                            FirstRows* first, int32x4_t* sums) {
  if (kFirst == 0) MultiplyHalf<kTokens>(w, w + 256, q, 0, first, sums);
  if (kLast == 2) MultiplyHalf<kTokens>(w + 256, next, q, 1, first, sums);
}

#endif

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_TILE_NEON_H_
