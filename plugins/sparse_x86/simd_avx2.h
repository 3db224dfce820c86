// Small pieces that the AVX2 kernels share beside those of every instruction set: transposes, sums.
//
// Only for files compiled with AVX2, FMA and F16C. Everything is in an anonymous namespace, so that
// no copy compiled for AVX2 can be linked into baseline code.
#ifndef PLUGINS_SPARSE_X86_SIMD_AVX2_H_
#define PLUGINS_SPARSE_X86_SIMD_AVX2_H_

#include "plugins/common/kernels/activation_functions.h"

// Keeps a vector in its register: gcc neither reorders a chain of additions into a tree, which
// spills, nor repeats a load for each use.
#define KL_KEEP(v) asm("" : "+x"(v))

namespace {

// Eight vectors of eight 32-bit lanes: lane c of vector r becomes lane r of vector c.
KL_INLINE void Transpose8x8(__m256i v[8]) {
  __m256i a[8];
  __m256i b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    b[4 * i] = _mm256_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = _mm256_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = _mm256_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = _mm256_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_permute2x128_si256(b[i], b[4 + i], 0x20);
    v[4 + i] = _mm256_permute2x128_si256(b[i], b[4 + i], 0x31);
  }
}

// Eight vectors of eight 32-bit integers: lane j of the result is the sum of vector j.
KL_INLINE __m256i SumEach(const __m256i v[8]) {
  const __m256i low =
      _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
  const __m256i high =
      _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                          _mm256_permute2x128_si256(low, high, 0x31));
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_SIMD_AVX2_H_
