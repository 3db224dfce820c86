// Small pieces that the kernels share beside those of every instruction set: sums, rows side by
// side.
//
// Only for files compiled with AVX2, FMA and F16C, and at the levels above with AVX-VNNI or with
// AVX-512 and its VNNI. Everything is in an anonymous namespace, so that no copy compiled for a
// level can be linked into baseline code.
#ifndef PLUGINS_SPARSE_X86_SIMD_AVX2_H_
#define PLUGINS_SPARSE_X86_SIMD_AVX2_H_

#include "plugins/common/kernels/activation_functions.h"
#include "plugins/common/kernels/transpose.h"

// Keeps a vector in its register: gcc neither reorders a chain of additions into a tree, which
// spills, nor repeats a load for each use.
#define KL_KEEP(v) asm("" : "+x"(v))

// Levels with vpdpbusd: unsigned times signed bytes, four products added up in 32 bits.
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
#define KL_VNNI
#endif

namespace {

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

// Unpacking rows into panels: as many rows side by side as a vector has 32-bit lanes.
#if defined(__AVX512VNNI__)

typedef __m512i RowVector;  // eight dwords of a row and eight of the one 8 rows on
constexpr int kRowsPerVector = 16;

// Row i, where load(i) is what one row has.
template <class Load>
KL_INLINE RowVector LoadRows(int i, const Load& load) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(load(i)), load(i + 8), 1);
}
KL_INLINE void StoreRows(void* p, RowVector v) { _mm512_store_si512(p, v); }
KL_INLINE RowVector LowHalves(RowVector v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
KL_INLINE RowVector HighHalves(RowVector v) { return LowHalves(_mm512_srli_epi16(v, 4)); }
KL_INLINE RowVector LowSixBits(RowVector v) { return _mm512_and_si512(v, _mm512_set1_epi8(0x3f)); }
KL_INLINE __m512i SpreadColumns(__m512i a, __m512i b, __m512i c) {
  const __m512i low = _mm512_set1_epi8(0x03);
  // 0xf8: a | (b & c).
  __m512i v = _mm512_and_si512(_mm512_srli_epi16(a, 6), low);
  v = _mm512_ternarylogic_epi32(v, _mm512_srli_epi16(b, 4), _mm512_slli_epi16(low, 2), 0xf8);
  return _mm512_ternarylogic_epi32(v, _mm512_srli_epi16(c, 2), _mm512_slli_epi16(low, 4), 0xf8);
}

// Each half of the vectors by itself: afterwards lane i of vector c is dword c of row i.
KL_INLINE void TransposeRows(RowVector v[8]) {
  __m512i a[8];
  __m512i b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
    a[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
  }
  const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm512_permutex2var_epi64(b[i], low, b[4 + i]);
    v[4 + i] = _mm512_permutex2var_epi64(b[i], high, b[4 + i]);
  }
}

#else

typedef __m256i RowVector;
constexpr int kRowsPerVector = 8;

template <class Load>
KL_INLINE RowVector LoadRows(int i, const Load& load) {
  return load(i);
}
KL_INLINE void StoreRows(void* p, RowVector v) { _mm256_store_si256((__m256i*)p, v); }
KL_INLINE RowVector LowHalves(RowVector v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
KL_INLINE RowVector HighHalves(RowVector v) { return LowHalves(_mm256_srli_epi16(v, 4)); }
KL_INLINE RowVector LowSixBits(RowVector v) { return _mm256_and_si256(v, _mm256_set1_epi8(0x3f)); }
KL_INLINE void TransposeRows(RowVector v[8]) { Transpose8x8(v); }

#endif

// Bits 6 and 7 of every byte of three vectors, put together: the lowest first.
KL_INLINE __m256i SpreadColumns(__m256i a, __m256i b, __m256i c) {
  a = _mm256_and_si256(_mm256_srli_epi16(a, 6), _mm256_set1_epi8(0x03));
  b = _mm256_and_si256(_mm256_srli_epi16(b, 4), _mm256_set1_epi8(0x0c));
  c = _mm256_and_si256(_mm256_srli_epi16(c, 2), _mm256_set1_epi8(0x30));
  return _mm256_or_si256(_mm256_or_si256(a, b), c);
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
