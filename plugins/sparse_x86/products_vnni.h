// Integer products of 256 columns of a row with one token, with vpdpbusd: four bytes in 32 bits.
//
// Part of weights_avx2.h, which says what a block type is.
#ifndef PLUGINS_SPARSE_X86_PRODUCTS_VNNI_H_
#define PLUGINS_SPARSE_X86_PRODUCTS_VNNI_H_

#include "plugins/sparse_x86/panel_avx2.h"

namespace {

// What weights are multiplied as: always unsigned, with this offset.
template <class Type>
KL_INLINE constexpr int ProductOffset() {
  return Type::kKind == kSigned ? 128 : Type::kOffset;
}
template <class Type>
KL_INLINE __m256i LoadForProducts(const uint8_t* group, int j) {
  const __m256i w = Type::Load(group, j);
  return Type::kKind == kSigned ? _mm256_xor_si256(w, _mm256_set1_epi8(-128)) : w;
}

// Dword j of the result: the scale of half kHalf of block j, of pairs of int16.
template <int kHalf>
KL_INLINE __m256i ScalesOfHalf(__m256i pairs) {
  return _mm256_srai_epi32(kHalf == 0 ? _mm256_slli_epi32(pairs, 16) : pairs, 16);
}
#if defined(__AVX512VNNI__)
template <int kHalf>
KL_INLINE __m512i ScalesOfHalf(__m512i pairs) {
  return _mm512_srai_epi32(kHalf == 0 ? _mm512_slli_epi32(pairs, 16) : pairs, 16);
}
#endif

// Sums of u * q over the columns 0..15 and 16..31: lane j belongs to block j.
struct HalfSums {
  __m256i low;
  __m256i high;
};

template <class Type>
KL_INLINE HalfSums SumHalves(const uint8_t* group, const int8_t* q) {
  HalfSums sums;
#if defined(__AVX512VNNI__)
  // p[i]: blocks 2i and 2i + 1. Added up crosswise, quarter k of a vector keeps half k % 2 of the
  // blocks 2i + k / 2, i = 0..3.
  __m512i p[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i w =
        _mm512_inserti64x4(_mm512_castsi256_si512(LoadForProducts<Type>(group, 2 * i)),
                           LoadForProducts<Type>(group, 2 * i + 1), 1);
    p[i] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w, _mm512_load_si512(q + 64 * i));
  }
  const __m512i a =
      _mm512_add_epi32(_mm512_unpacklo_epi32(p[0], p[1]), _mm512_unpackhi_epi32(p[0], p[1]));
  const __m512i b =
      _mm512_add_epi32(_mm512_unpacklo_epi32(p[2], p[3]), _mm512_unpackhi_epi32(p[2], p[3]));
  const __m512i quarters =
      _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  const __m512i order = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  const __m512i ordered = _mm512_permutexvar_epi32(order, quarters);
  sums.low = _mm512_castsi512_si256(ordered);
  sums.high = _mm512_extracti64x4_epi64(ordered, 1);
#else
  __m256i p[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) {
    p[j] = DotBytes(_mm256_setzero_si256(), LoadForProducts<Type>(group, j),
                    _mm256_load_si256((const __m256i*)q + j));
  }
  const __m256i first =
      _mm256_hadd_epi32(_mm256_hadd_epi32(p[0], p[1]), _mm256_hadd_epi32(p[2], p[3]));
  const __m256i second =
      _mm256_hadd_epi32(_mm256_hadd_epi32(p[4], p[5]), _mm256_hadd_epi32(p[6], p[7]));
  sums.low = _mm256_permute2x128_si256(first, second, 0x20);
  sums.high = _mm256_permute2x128_si256(first, second, 0x31);
#endif
  return sums;
}

// Lane j: the sum of w * q over block j.
template <class Type>
KL_INLINE __m256i BlockProducts(const uint8_t* group, const ActivationGroup& a) {
  const HalfSums sums = SumHalves<Type>(group, a.q);
  const __m256i init = _mm256_load_si256((const __m256i*)a.init);
  if (Type::kKind != kHalved) {
    return _mm256_add_epi32(_mm256_add_epi32(sums.low, sums.high), init);
  }
  const __m256i init_high = _mm256_load_si256((const __m256i*)a.init_high);
  const __m256i halves = Type::Halves(group);
  return _mm256_add_epi32(
      _mm256_mullo_epi32(_mm256_add_epi32(sums.low, init), ScalesOfHalf<0>(halves)),
      _mm256_mullo_epi32(_mm256_add_epi32(sums.high, init_high), ScalesOfHalf<1>(halves)));
}

// The same for 256 columns of 4-bit weights in the K8 layout, behind the scales.
KL_INLINE __m256i K8Nibbles(const uint8_t* weights, const ActivationGroup& a) {
  const __m256i init = _mm256_load_si256((const __m256i*)a.init);
#if defined(__AVX512VNNI__)
  // Two vectors of the layout at once; InterleavedVector() has the activations in that order.
  const __m512i low_half = _mm512_set1_epi8(15);
  __m512i even = _mm512_zextsi256_si512(init);
  __m512i odd = _mm512_setzero_si512();
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    __m512i v = _mm512_loadu_si512(weights + 64 * i);
    KL_KEEP(v);  // or gcc loads it twice, and every load here crosses a cache line
    const __m512i low = _mm512_and_si512(v, low_half);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), low_half);
    even = _mm512_dpbusd_epi32(even, low, _mm512_load_si512(a.q + 128 * i));
    odd = _mm512_dpbusd_epi32(odd, high, _mm512_load_si512(a.q + 128 * i + 64));
  }
  const __m512i both = _mm512_add_epi32(even, odd);
  return _mm256_add_epi32(_mm512_castsi512_si256(both), _mm512_extracti64x4_epi64(both, 1));
#else
  const __m256i low_half = _mm256_set1_epi8(15);
  const __m256i* q = (const __m256i*)a.q;
  __m256i even = init;
  __m256i odd = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256i v = _mm256_loadu_si256((const __m256i*)(weights + 32 * i));
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), low_half);
    even = DotBytes(even, _mm256_and_si256(v, low_half), _mm256_load_si256(q + 2 * i));
    odd = DotBytes(odd, high, _mm256_load_si256(q + 2 * i + 1));
  }
  return _mm256_add_epi32(even, odd);
#endif
}

// The same for a group of Q6_K in the K8 layout.
template <class Type>
KL_INLINE __m256i K8SixBits(const uint8_t* packed, const ActivationGroup& a) {
  __m256i low = _mm256_load_si256((const __m256i*)a.init);
  __m256i high = _mm256_load_si256((const __m256i*)a.init_high);
#if defined(__AVX512VNNI__)
  // Two vectors at once, of the columns that InterleavedVector() puts side by side.
  const __m512i six = _mm512_set1_epi8(0x3f);
  const __m512i v0 = _mm512_loadu_si512(packed);
  const __m512i v1 = _mm512_loadu_si512(packed + 64);
  const __m512i v2 = _mm512_loadu_si512(packed + 128);
  __m512i first = _mm512_zextsi256_si512(low);
  __m512i second = _mm512_zextsi256_si512(high);
  first = _mm512_dpbusd_epi32(first, _mm512_and_si512(v0, six), _mm512_load_si512(a.q));
  first = _mm512_dpbusd_epi32(first, _mm512_and_si512(v1, six), _mm512_load_si512(a.q + 64));
  second = _mm512_dpbusd_epi32(second, _mm512_and_si512(v2, six), _mm512_load_si512(a.q + 128));
  second = _mm512_dpbusd_epi32(second, SpreadColumns(v0, v1, v2), _mm512_load_si512(a.q + 192));
  low = _mm256_add_epi32(_mm512_castsi512_si256(first), _mm512_extracti64x4_epi64(first, 1));
  high = _mm256_add_epi32(_mm512_castsi512_si256(second), _mm512_extracti64x4_epi64(second, 1));
#else
  const __m256i six = _mm256_set1_epi8(0x3f);
  const __m256i* q = (const __m256i*)a.q;
#pragma GCC unroll 2
  for (int u = 0; u < 2; ++u) {
    const __m256i v0 = _mm256_loadu_si256((const __m256i*)(packed + 32 * u));
    const __m256i v1 = _mm256_loadu_si256((const __m256i*)(packed + 64 + 32 * u));
    const __m256i v2 = _mm256_loadu_si256((const __m256i*)(packed + 128 + 32 * u));
    const __m256i* at = q + 2 * u;
    low = DotBytes(low, _mm256_and_si256(v0, six), _mm256_load_si256(at));
    low = DotBytes(low, _mm256_and_si256(v1, six), _mm256_load_si256(at + 1));
    high = DotBytes(high, _mm256_and_si256(v2, six), _mm256_load_si256(at + 4));
    high = DotBytes(high, SpreadColumns(v0, v1, v2), _mm256_load_si256(at + 5));
  }
#endif
  const __m256i halves = Type::Halves(packed);
  return _mm256_add_epi32(_mm256_mullo_epi32(low, ScalesOfHalf<0>(halves)),
                          _mm256_mullo_epi32(high, ScalesOfHalf<1>(halves)));
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_PRODUCTS_VNNI_H_
