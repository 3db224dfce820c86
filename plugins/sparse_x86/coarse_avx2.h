// A coarse copy of a weight matrix, two bits a weight, from which every product of a vector can be
// estimated with a known error.
//
// Row n is  w = mean + step_b * c + residual,  c in {-3, -1, 1, 3}, for blocks b of 32 columns; the
// steps are those that leave the smallest residual, as multiples of the row's unit. Then
//   estimate = unit * sum over b of (step_b / unit) * sum of c * x  +  mean * sum of x
//   variance = unit^2 * sum over groups of 256 columns of deviation^2 * sum of x^2
// with `deviation` the residual's root mean square in units. The residual is taken as independent
// of x, which it is not where x points along the row: `alignment` is its share of the estimate
// then.
//
// 32 rows are one tile, and a lane of a vector is a row: no sums across lanes. A byte holds four
// columns of a row; a nibble, two columns, is looked up among the 16 values that c0 x0 + c1 x1 can
// take, rounded to integers of at most 15, eight of which fit the signed byte that adds them up
// (the idea of T-MAC, Wei et al. 2024, arXiv:2407.00088). The rounding is part of the variance.
//
//   tile:   groups of 256 columns, then units [32] f32, means [32] f32, alignments [32] f32
//   group:  8 blocks of 8 vectors of 32 bytes; 4 pairs of blocks of [32 rows][2] steps u8;
//           deviations [32] f16
//   vector v of a block, byte p: columns 4v .. 4v + 3 of row RowOfByte(p), two bits each,
//   (c + 3) / 2
#ifndef PLUGINS_SPARSE_X86_COARSE_AVX2_H_
#define PLUGINS_SPARSE_X86_COARSE_AVX2_H_

#include <stddef.h>

#include "plugins/sparse_x86/simd_avx2.h"

namespace {

constexpr int64_t kCoarseTileRows = 32;
constexpr float kMostLookedUp = 15.0f;

struct CoarseGroup {
  uint8_t codes[8][8][32];  // block, vector, byte
  uint8_t steps[4][64];     // pair of blocks; row, block of the pair
  uint16_t deviations[32];
};
static_assert(sizeof(CoarseGroup) == 37 * 64, "whole cache lines");

// Behind a tile's groups.
struct CoarseRows {
  float units[32];
  float means[32];
  float alignments[32];
};

KL_INLINE uint64_t CoarseTileBytes(int64_t groups) {
  return (uint64_t)groups * sizeof(CoarseGroup) + sizeof(CoarseRows);
}

// Unpacking a tile's sums interleaves them: the 16-bit and then the 32-bit lanes of one result
// vector are eight rows that follow each other.
KL_INLINE int RowOfByte(int p) { return 8 * (p % 16 / 4) + 4 * (p / 16) + p % 4; }

// ---- the vector ----

// 256 columns of x as tables: entry i of table t is round(scale * (c0 x[2t] + c1 x[2t + 1])) with
// c0 = 2 (i % 4) - 3, c1 = 2 (i / 4) - 3.
struct alignas(64) CoarseTables {
  int8_t entries[128][16];
  float inverse_scale;
  float squares;  // sum of x^2, and what the rounding adds to it
  float sum;      // of x
};

// Nonsense in x (NaN, infinity) makes the estimates NaN.
static inline void MakeCoarseTables(const float* x, CoarseTables* tables) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 largest = _mm256_setzero_ps();
  __m256 squares = _mm256_setzero_ps();
  __m256 sums = _mm256_setzero_ps();
  for (int k = 0; k < 256; k += 8) {
    const __m256 v = _mm256_loadu_ps(x + k);
    const __m256 size = _mm256_andnot_ps(sign, v);
    largest = _mm256_max_ps(_mm256_add_ps(size, _mm256_permute_ps(size, 0xB1)), largest);
    squares = _mm256_fmadd_ps(v, v, squares);
    sums = _mm256_add_ps(v, sums);
  }
  const float most = 3.0f * MaximumAcross(largest);
  const float scale = most > 0.0f ? kMostLookedUp / most : 0.0f;
  tables->inverse_scale = most / kMostLookedUp;
  // Rounding an entry: variance 1/12 / scale^2, times step^2, 128 entries; a residual's variance is
  // at least 0.3 step^2 (PackCoarseTile).
  tables->squares =
      SumAcross(squares) + 128.0f / (12.0f * 0.3f) * tables->inverse_scale * tables->inverse_scale;
  tables->sum = SumAcross(sums);
  const __m256 first = _mm256_setr_ps(-3, -1, 1, 3, -3, -1, 1, 3);
  const __m256 low = _mm256_setr_ps(-3, -3, -3, -3, -1, -1, -1, -1);
  const __m256 high = _mm256_setr_ps(1, 1, 1, 1, 3, 3, 3, 3);
  for (int t = 0; t < 128; ++t) {
    const __m256 x0 = _mm256_mul_ps(first, _mm256_set1_ps(scale * x[2 * t]));
    const __m256 x1 = _mm256_set1_ps(scale * x[2 * t + 1]);
    const __m256i a = _mm256_cvtps_epi32(_mm256_fmadd_ps(low, x1, x0));
    const __m256i b = _mm256_cvtps_epi32(_mm256_fmadd_ps(high, x1, x0));
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8);
    _mm_store_si128(
        (__m128i*)tables->entries[t],
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
}

// ---- estimates ----

// Sums of the looked-up values of one block: 16-bit lanes of *low and *high.
KL_INLINE void SumCoarseBlock(const uint8_t (*codes)[32], const int8_t (*tables)[16], __m256i* low,
                              __m256i* high) {
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256i half[2];
#pragma GCC unroll 2
  for (int h = 0; h < 2; ++h) {
    __m256i even = _mm256_setzero_si256();
    __m256i odd = even;
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const __m256i code = _mm256_loadu_si256((const __m256i*)codes[4 * h + v]);
      const int8_t(*pair)[16] = tables + 2 * (4 * h + v);
      const __m256i t0 = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i*)pair[0]));
      const __m256i t1 = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i*)pair[1]));
      even = _mm256_add_epi8(even, _mm256_shuffle_epi8(t0, _mm256_and_si256(code, nibble)));
      odd = _mm256_add_epi8(
          odd, _mm256_shuffle_epi8(t1, _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble)));
    }
    half[h] = _mm256_add_epi8(even, odd);
  }
  const __m256i ones = _mm256_set1_epi8(1);
  *low = _mm256_maddubs_epi16(ones, _mm256_unpacklo_epi8(half[0], half[1]));
  *high = _mm256_maddubs_epi16(ones, _mm256_unpackhi_epi8(half[0], half[1]));
}

// Adds step * sum for two blocks, eight rows.
KL_INLINE __m256i AddSteps(__m256i sums, const uint8_t* steps, __m256i total) {
  const __m256i s = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i*)steps));
  return _mm256_add_epi32(total, _mm256_madd_epi16(sums, s));
}

// Estimates of 32 rows and the variances of their errors. Returns the rows' alignments.
static inline const float* EstimateTile(const uint8_t* tile, int64_t groups,
                                        const CoarseTables* tables, float* estimates,
                                        float* variances) {
  __m256 estimate[4];
  __m256 variance[4];
  for (int v = 0; v < 4; ++v) estimate[v] = variance[v] = _mm256_setzero_ps();
  float x_sum = 0.0f;
  for (int64_t g = 0; g < groups; ++g, tile += sizeof(CoarseGroup), ++tables) {
    const CoarseGroup* group = (const CoarseGroup*)tile;
    x_sum += tables->sum;
    __m256i sum[4];
    for (int v = 0; v < 4; ++v) sum[v] = _mm256_setzero_si256();
    for (int pair = 0; pair < 4; ++pair) {
      const char* ahead = (const char*)tile + 592 * pair + kPrefetchAhead;
#pragma GCC unroll 10
      for (int line = 0; line < 10; ++line) _mm_prefetch(ahead + 64 * line, _MM_HINT_T0);
      __m256i low[2];
      __m256i high[2];
      SumCoarseBlock(group->codes[2 * pair], tables->entries + 32 * pair, &low[0], &high[0]);
      SumCoarseBlock(group->codes[2 * pair + 1], tables->entries + 32 * pair + 16, &low[1],
                     &high[1]);
      const uint8_t* steps = group->steps[pair];
      sum[0] = AddSteps(_mm256_unpacklo_epi16(low[0], low[1]), steps, sum[0]);
      sum[1] = AddSteps(_mm256_unpackhi_epi16(low[0], low[1]), steps + 16, sum[1]);
      sum[2] = AddSteps(_mm256_unpacklo_epi16(high[0], high[1]), steps + 32, sum[2]);
      sum[3] = AddSteps(_mm256_unpackhi_epi16(high[0], high[1]), steps + 48, sum[3]);
    }
    const __m256 inverse_scale = _mm256_set1_ps(tables->inverse_scale);
    const __m256 squares = _mm256_set1_ps(tables->squares);
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const __m256 deviation =
          _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(group->deviations + 8 * v)));
      estimate[v] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[v]), inverse_scale, estimate[v]);
      variance[v] = _mm256_fmadd_ps(_mm256_mul_ps(deviation, deviation), squares, variance[v]);
    }
  }
  const CoarseRows* rows = (const CoarseRows*)tile;
  for (int v = 0; v < 4; ++v) {
    const __m256 unit = _mm256_loadu_ps(rows->units + 8 * v);
    const __m256 mean = _mm256_mul_ps(_mm256_loadu_ps(rows->means + 8 * v), _mm256_set1_ps(x_sum));
    _mm256_storeu_ps(estimates + 8 * v, _mm256_fmadd_ps(unit, estimate[v], mean));
    _mm256_storeu_ps(variances + 8 * v, _mm256_mul_ps(_mm256_mul_ps(unit, unit), variance[v]));
  }
  return rows->alignments;
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_COARSE_AVX2_H_
