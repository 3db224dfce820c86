#include <immintrin.h>

#include "third_party/bazel/plugin_rule_sample.h"

int SumEight(const int* values) {
  const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  sum = _mm_hadd_epi32(sum, sum);
  sum = _mm_hadd_epi32(sum, sum);
  return _mm_cvtsi128_si32(sum);
}
