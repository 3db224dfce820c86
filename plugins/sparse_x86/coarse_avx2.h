// The sums behind estimates from a coarse copy (plugins/common/kernels/coarse.h): one vpshufb looks
// up 64 weights.
#ifndef PLUGINS_SPARSE_X86_COARSE_AVX2_H_
#define PLUGINS_SPARSE_X86_COARSE_AVX2_H_

#include "plugins/common/kernels/coarse.h"

namespace {

struct CoarseSums {
  // Sums of the looked-up values of one block: 16-bit lanes of *low and *high.
  static KL_INLINE void SumBlock(const uint8_t (*codes)[32], const int8_t (*tables)[16],
                                 __m256i* low, __m256i* high) {
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
  static KL_INLINE __m256i AddSteps(__m256i sums, const uint8_t* steps, __m256i total) {
    const __m256i s = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i*)steps));
    return _mm256_add_epi32(total, _mm256_madd_epi16(sums, s));
  }

  static KL_INLINE void SumGroup(const CoarseGroup& group, const int8_t (*tables)[16],
                                 const uint8_t* ahead, F8* sums) {
    __m256i sum[4];
    for (int v = 0; v < 4; ++v) sum[v] = _mm256_setzero_si256();
    for (int pair = 0; pair < 4; ++pair) {
#pragma GCC unroll 10
      for (int line = 0; line < 10; ++line) PrefetchStreamed(ahead + 592 * pair + 64 * line);
      __m256i low[2];
      __m256i high[2];
      SumBlock(group.codes[2 * pair], tables + 32 * pair, &low[0], &high[0]);
      SumBlock(group.codes[2 * pair + 1], tables + 32 * pair + 16, &low[1], &high[1]);
      const uint8_t* steps = group.steps[pair];
      sum[0] = AddSteps(_mm256_unpacklo_epi16(low[0], low[1]), steps, sum[0]);
      sum[1] = AddSteps(_mm256_unpackhi_epi16(low[0], low[1]), steps + 16, sum[1]);
      sum[2] = AddSteps(_mm256_unpacklo_epi16(high[0], high[1]), steps + 32, sum[2]);
      sum[3] = AddSteps(_mm256_unpackhi_epi16(high[0], high[1]), steps + 48, sum[3]);
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) sums[v] = _mm256_cvtepi32_ps(sum[v]);
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_COARSE_AVX2_H_
