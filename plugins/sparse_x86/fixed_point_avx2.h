// The whole-number arithmetic of plugins/common/fixed_point.h for eight numbers at a time, to the
// bit.
#ifndef PLUGINS_SPARSE_X86_FIXED_POINT_AVX2_H_
#define PLUGINS_SPARSE_X86_FIXED_POINT_AVX2_H_

#include "plugins/common/fixed_point.h"
#include "plugins/sparse_x86/simd_avx2.h"

namespace {

using kinglet::FixedPoint;
using kinglet::FixedPointOf;

// What eight numbers are multiplied with.
struct FixedFactor {
  __m256i fraction;
  __m128i left, right;  // bits to shift by, before and behind the product
  __m256i rest;         // mask of the bits that fall off
};

KL_INLINE FixedFactor FixedFactorOf(FixedPoint factor) {
  const int left = factor.exponent > 0 ? factor.exponent : 0;
  const int right = factor.exponent > 0 ? 0 : -factor.exponent;
  return {_mm256_set1_epi32(factor.fraction), _mm_cvtsi32_si128(left), _mm_cvtsi32_si128(right),
          _mm256_set1_epi32((int32_t)((1u << right) - 1))};
}

// HighProduct(): its halves go up, so that adding one half and cutting is the same.
KL_INLINE __m256i HighProducts(__m256i a, __m256i b) {
  const __m256i half = _mm256_set1_epi64x(int64_t{1} << 30);
  const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
  const __m256i odd =
      _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), half);
  return _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa);
}

// Multiply().
KL_INLINE __m256i MultiplyFixed(__m256i value, const FixedFactor& factor) {
  const __m256i product = HighProducts(_mm256_sll_epi32(value, factor.left), factor.fraction);
  const __m256i rest = _mm256_and_si256(product, factor.rest);
  // One more for negative numbers: the sign's -1 is subtracted.
  const __m256i most =
      _mm256_sub_epi32(_mm256_srli_epi32(factor.rest, 1), _mm256_srai_epi32(product, 31));
  // A comparison that holds is -1.
  return _mm256_sub_epi32(_mm256_sra_epi32(product, factor.right), _mm256_cmpgt_epi32(rest, most));
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_FIXED_POINT_AVX2_H_
