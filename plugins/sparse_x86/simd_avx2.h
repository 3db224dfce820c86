// Small pieces that the AVX2 kernels share beside those of every instruction set: sums.
//
// Only for files compiled with AVX2, FMA and F16C. Everything is in an anonymous namespace, so that
// no copy compiled for AVX2 can be linked into baseline code.
#ifndef PLUGINS_SPARSE_X86_SIMD_AVX2_H_
#define PLUGINS_SPARSE_X86_SIMD_AVX2_H_

#include "plugins/common/kernels/activation_functions.h"
#include "plugins/common/kernels/transpose.h"

// Keeps a vector in its register: gcc neither reorders a chain of additions into a tree, which
// spills, nor repeats a load for each use.
#define KL_KEEP(v) asm("" : "+x"(v))

namespace {

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
