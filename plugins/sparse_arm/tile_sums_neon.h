// What becomes of a tile's whole-numbered sums (tile_neon.h) with dotprod or i8mm: for each vector
// v of a block, whose rows have scales and minima and whose token has a scale d and a total d_sum,
//
//   y[v] += number * (scales * d)          one rounding for the product of scales, one for the sum
//   y[v] += minima * d_sum                 kMinima
//
// where number is the sum itself, or, with scales for each half (kHalved), sum of the first half *
// its whole-numbered scale + the same of the second: below 2^24, exact.
//
// dotprod: assembly. A sum starts from the bias by a load; gcc would load once and move. A load
// costs no vector unit, of which tiles leave a Cortex-A76 none, and a Cortex-A55 issues it beside a
// vector operation. Four vectors go together, so that none waits for the one before.
#ifndef PLUGINS_SPARSE_ARM_TILE_SUMS_NEON_H_
#define PLUGINS_SPARSE_ARM_TILE_SUMS_NEON_H_

#include "plugins/sparse_arm/tile_neon.h"

#if KL_ARM_DOTPROD

namespace {

#if !KL_ARM_I8MM

alignas(16) constexpr int32_t kFourBiases[4] = {kBias, kBias, kBias, kBias};

KL_INLINE void StartFour(int32x4_t* s) {
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    asm volatile("ldr %q0, [%1]" : "=w"(s[v]) : "r"(kFourBiases), "m"(kFourBiases));
  }
}
KL_INLINE void StartTile(int32x4_t* sums) {
  StartFour(sums);
  StartFour(sums + 4);
}

// Vectors 0..3 are rows 0..3 and 4..7 of a first token and of a second.
#define KL_LINE(text) text "\n\t"
#define KL_EACH(line) KL_LINE(line("0")) KL_LINE(line("1")) KL_LINE(line("2")) KL_LINE(line("3"))
#define KL_TAKE_BIAS_OFF(v) "fsub %[s" v "].4s, %[s" v "].4s, %[bias].4s"
#define KL_START(v) "ldr %q[s" v "], [%[four]]"
#define KL_BY_TOKEN(op, to, rows, token)                            \
  KL_LINE(op " %[" to "0].4s, %[" rows "0].4s, %[" token "0].s[0]") \
  KL_LINE(op " %[" to "1].4s, %[" rows "1].4s, %[" token "0].s[0]") \
  KL_LINE(op " %[" to "2].4s, %[" rows "0].4s, %[" token "1].s[0]") \
  KL_LINE(op " %[" to "3].4s, %[" rows "1].4s, %[" token "1].s[0]")
#define KL_BY_ROWS(to, from, rows)                                \
  KL_LINE("fmla %[" to "0].4s, %[" from "0].4s, %[" rows "0].4s") \
  KL_LINE("fmla %[" to "1].4s, %[" from "1].4s, %[" rows "1].4s") \
  KL_LINE("fmla %[" to "2].4s, %[" from "2].4s, %[" rows "0].4s") \
  KL_LINE("fmla %[" to "3].4s, %[" from "3].4s, %[" rows "1].4s")

KL_INLINE void TakeFirstHalf(int32x4_t* s, const float* halves, float32x4_t* n) {
  const float32x4_t h0 = vld1q_f32(halves);
  const float32x4_t h1 = vld1q_f32(halves + 4);
  // (bias + sum) * scale - bias * scale
  asm volatile(
      KL_LINE("ldr %q[n0], [%[off]]") KL_LINE("ldr %q[n1], [%[off], #16]")
          KL_LINE("ldr %q[n2], [%[off]]") KL_LINE("ldr %q[n3], [%[off], #16]")
              KL_BY_ROWS("n", "s", "h") KL_EACH(KL_START)
      : [s0] "+&w"(s[0]), [s1] "+&w"(s[1]), [s2] "+&w"(s[2]), [s3] "+&w"(s[3]), [n0] "=&w"(n[0]),
        [n1] "=&w"(n[1]), [n2] "=&w"(n[2]), [n3] "=&w"(n[3])
      : [h0] "w"(h0), [h1] "w"(h1), [off] "r"(halves + 2 * kFactorsOfBlock), [four] "r"(kFourBiases)
      : "memory");
}

KL_INLINE void AddSecondHalf(int32x4_t* s, const float* halves, float32x4_t* n) {
  const float32x4_t h0 = vld1q_f32(halves + kFactorsOfBlock);
  const float32x4_t h1 = vld1q_f32(halves + kFactorsOfBlock + 4);
  asm volatile(KL_EACH(KL_TAKE_BIAS_OFF) KL_BY_ROWS("n", "s", "h")
               : [s0] "+&w"(s[0]), [s1] "+&w"(s[1]), [s2] "+&w"(s[2]), [s3] "+&w"(s[3]),
                 [n0] "+&w"(n[0]), [n1] "+&w"(n[1]), [n2] "+&w"(n[2]), [n3] "+&w"(n[3])
               : [h0] "w"(h0), [h1] "w"(h1), [bias] "w"(vdupq_n_f32(kBiasAsFloat)));
}

#define KL_ADD_OUTPUTS                                                                      \
  [y0] "+&w"(y[0]), [y1] "+&w"(y[1]), [y2] "+&w"(y[2]), [y3] "+&w"(y[3]), [p0] "=&w"(p[0]), \
      [p1] "=&w"(p[1]), [p2] "=&w"(p[2]), [p3] "=&w"(p[3])
#define KL_ADD(v) "fmla %[y" v "].4s, %[s" v "].4s, %[p" v "].4s"

// Numbers that are floats already.
KL_INLINE void AddNumbers(const float32x4_t* n, const float* scales, float d0, float d1,
                          float32x4_t* y) {
  const float32x4_t a0 = vld1q_f32(scales);
  const float32x4_t a1 = vld1q_f32(scales + 4);
  float32x4_t p[4];
  asm volatile(KL_BY_TOKEN("fmul", "p", "a", "d") KL_EACH(KL_ADD)
               : KL_ADD_OUTPUTS
               : [s0] "w"(n[0]), [s1] "w"(n[1]), [s2] "w"(n[2]), [s3] "w"(n[3]), [a0] "w"(a0),
                 [a1] "w"(a1), [d0] "w"(d0), [d1] "w"(d1));
}

// Biased sums, which start again.
#define KL_ADD_SUMS \
  KL_BY_TOKEN("fmul", "p", "a", "d") KL_EACH(KL_TAKE_BIAS_OFF) KL_EACH(KL_ADD) KL_EACH(KL_START)
#define KL_ADD_SUMS_OUTPUTS \
  KL_ADD_OUTPUTS, [s0] "+&w"(s[0]), [s1] "+&w"(s[1]), [s2] "+&w"(s[2]), [s3] "+&w"(s[3])
#define KL_ADD_SUMS_INPUTS                                                                       \
  [a0] "w"(a0), [a1] "w"(a1), [d0] "w"(d0), [d1] "w"(d1), [bias] "w"(vdupq_n_f32(kBiasAsFloat)), \
      [four] "r"(kFourBiases)
KL_INLINE void AddSums(int32x4_t* s, const float* scales, float d0, float d1, float32x4_t* y) {
  const float32x4_t a0 = vld1q_f32(scales);
  const float32x4_t a1 = vld1q_f32(scales + 4);
  float32x4_t p[4];
  asm volatile(KL_ADD_SUMS "" : KL_ADD_SUMS_OUTPUTS:KL_ADD_SUMS_INPUTS : "memory");
}
KL_INLINE void AddSumsAndMinima(int32x4_t* s, const float* scales, float d0, float d1,
                                const float* minima, float t0, float t1, float32x4_t* y) {
  const float32x4_t a0 = vld1q_f32(scales);
  const float32x4_t a1 = vld1q_f32(scales + 4);
  const float32x4_t m0 = vld1q_f32(minima);
  const float32x4_t m1 = vld1q_f32(minima + 4);
  float32x4_t p[4];
  asm volatile(KL_ADD_SUMS KL_BY_TOKEN("fmla", "y", "m", "t")
               : KL_ADD_SUMS_OUTPUTS
               : KL_ADD_SUMS_INPUTS, [m0] "w"(m0), [m1] "w"(m1), [t0] "w"(t0), [t1] "w"(t1)
               : "memory");
}

template <int kTokens>
KL_INLINE void TakeFirstHalves(int32x4_t* sums, const TileFactors& rows, float32x4_t* numbers) {
#pragma GCC unroll 2
  for (int v = 0; v < 2 * kTokens; v += 4) TakeFirstHalf(sums + v, rows.halves, numbers + v);
}

template <bool kMinima, bool kHalved, int kTokens>
KL_INLINE void AddTile(int32x4_t* sums, float32x4_t* numbers, const TileFactors& rows,
                       const float* const* d, const float* const* d_sum, int64_t block,
                       float32x4_t* y) {
#pragma GCC unroll 2
  for (int t = 0; t < kTokens; t += 2) {
    const int second = t + 1 < kTokens ? t + 1 : t;  // of an odd number: nobody reads it
    int32x4_t* s = sums + 2 * t;
    if (kHalved) {
      AddSecondHalf(s, rows.halves, numbers + 2 * t);
      AddNumbers(numbers + 2 * t, rows.scales, d[t][block], d[second][block], y + 2 * t);
      StartFour(s);
    } else if (kMinima) {
      AddSumsAndMinima(s, rows.scales, d[t][block], d[second][block], rows.minima, d_sum[t][block],
                       d_sum[second][block], y + 2 * t);
    } else {
      AddSums(s, rows.scales, d[t][block], d[second][block], y + 2 * t);
    }
  }
}

#undef KL_LINE
#undef KL_EACH

#else

KL_INLINE void StartTile(int32x4_t*) {}

// Those of vector v.
KL_INLINE float32x4_t FactorsOf(const float* factors, int v) { return vld1q_f32(factors + 4 * v); }
// A number of each token, as it meets a vector.
template <int kTokens>
KL_INLINE float32x4_t TokenFactors(const float* const* numbers, int64_t at) {
  const float32x2_t pair = {numbers[0][at], numbers[kTokens - 1][at]};
  return vcombine_f32(pair, pair);
}

template <int kTokens>
KL_INLINE void TakeFirstHalves(int32x4_t* sums, const TileFactors& rows, float32x4_t* numbers) {
  constexpr int kVectors = TileVectors(kTokens);
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    // (bias + sum) * scale - bias * scale
    numbers[v] = vfmaq_f32(FactorsOf(rows.halves + 2 * kFactorsOfBlock, v),
                           vreinterpretq_f32_s32(sums[v]), FactorsOf(rows.halves, v));
  }
}

template <bool kMinima, bool kHalved, int kTokens>
KL_INLINE void AddTile(int32x4_t* sums, float32x4_t* numbers, const TileFactors& rows,
                       const float* const* d, const float* const* d_sum, int64_t block,
                       float32x4_t* y) {
  const float32x4_t scales = TokenFactors<kTokens>(d, block);
  const float32x4_t totals = kMinima ? TokenFactors<kTokens>(d_sum, block) : scales;
  constexpr int kVectors = TileVectors(kTokens);
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    float32x4_t number = TakeBiasOff(sums[v]);
    if (kHalved) {
      number = vfmaq_f32(numbers[v], number, FactorsOf(rows.halves + kFactorsOfBlock, v));
    }
    y[v] = vfmaq_f32(y[v], number, vmulq_f32(FactorsOf(rows.scales, v), scales));
    if (kMinima) y[v] = vfmaq_f32(y[v], FactorsOf(rows.minima, v), totals);
  }
}

#endif

}  // namespace

#endif  // KL_ARM_DOTPROD

#endif  // PLUGINS_SPARSE_ARM_TILE_SUMS_NEON_H_
