// Small pieces that the kernels share beside those of every instruction set: transposes, sums.
//
// Only for files compiled with AVX2, FMA and F16C, and at the levels above with AVX-VNNI or with
// AVX-512 and its VNNI. Everything is in an anonymous namespace, so that no copy compiled for a level
// can be linked into baseline code.
#ifndef PLUGINS_SPARSE_X86_SIMD_AVX2_H_
#define PLUGINS_SPARSE_X86_SIMD_AVX2_H_

#include "plugins/common/kernels/activation_functions.h"

// Keeps a vector in its register: gcc neither reorders a chain of additions into a tree, which
// spills, nor repeats a load for each use.
#define KL_KEEP(v) asm("" : "+x"(v))

// Levels with vpdpbusd: unsigned times signed bytes, four products added up in 32 bits.
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
#define KL_VNNI
#endif

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

#if defined(KL_VNNI)
// Lane i: sum + the products of bytes 4i .. 4i + 3, unsigned times signed.
KL_INLINE __m256i DotBytes(__m256i sum, __m256i u, __m256i s) {
#if defined(__AVX512VNNI__)
  return _mm256_dpbusd_epi32(sum, u, s);
#else
  return _mm256_dpbusd_avx_epi32(sum, u, s);
#endif
}
#endif

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
