// What kernels of i8 codes share: refusals, scales and zero points, rounding.
#ifndef PLUGINS_SPARSE_X86_CODES_AVX2_H_
#define PLUGINS_SPARSE_X86_CODES_AVX2_H_

#include "plugins/common/kernels/entry.h"
#include "plugins/sparse_x86/simd_avx2.h"

namespace {

KL_INLINE kl_code RefuseCodes(const kl_node* node, const char* what, kl_error* error) {
  return kl_fail(error, KL_UNSUPPORTED, "%s (%s): %s", NameOf(node), node->op, what);
}

KL_INLINE int32_t ClampToCodes(int64_t value) {
  return (int32_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

// Of an operand with one element.
KL_INLINE float ScaleOf(const kl_run* run, uint32_t operand) {
  return *(const float*)run->operands[operand]->data;
}
KL_INLINE int32_t ZeroOf(const kl_run* run, uint32_t operand) {
  return *(const int8_t*)run->operands[operand]->data;
}

KL_INLINE __m256i ClampWhole(__m256i value, __m256i low, __m256i high) {
  return _mm256_min_epi32(_mm256_max_epi32(value, low), high);
}

// Steps of a scale to whole ones, ties to even, within [low, high].
KL_INLINE __m256i RoundAndClamp(__m256 value, __m256i low, __m256i high) {
  // Clamped as floats first: what no integer holds is cut, and not a number becomes the lowest.
  const __m256 within =
      _mm256_min_ps(_mm256_max_ps(value, _mm256_cvtepi32_ps(low)), _mm256_cvtepi32_ps(high));
  return _mm256_cvtps_epi32(within);
}

// Eight codes of `values` to `to`.
KL_INLINE void StoreEightCodes(__m256i values, int8_t* to) {
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
  _mm_storel_epi64((__m128i*)to, _mm_packs_epi16(words, words));
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_CODES_AVX2_H_
