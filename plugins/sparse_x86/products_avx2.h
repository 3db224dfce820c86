// Integer products of 256 columns of a row with one token, with AVX2: pairs of bytes in 16 bits.
//
// Part of weights_avx2.h, which says what a block type is.
#ifndef PLUGINS_SPARSE_X86_PRODUCTS_AVX2_H_
#define PLUGINS_SPARSE_X86_PRODUCTS_AVX2_H_

#include "plugins/sparse_x86/panel_avx2.h"

namespace {

// What weights are multiplied as: with this offset, or signed.
template <class Type>
KL_INLINE constexpr int ProductOffset() {
  return Type::kOffset;
}
template <class Type>
KL_INLINE __m256i LoadForProducts(const uint8_t* group, int j) {
  return Type::Load(group, j);
}

// Eight vectors of sixteen int16, each at most 7,900: lane j of the result is the sum of vector j.
KL_INLINE __m256i SumEachShort(const __m256i p[8]) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i m[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    m[i] = _mm256_madd_epi16(_mm256_hadd_epi16(p[2 * i], p[2 * i + 1]), ones);
  }
  const __m256i low = _mm256_hadd_epi32(m[0], m[1]);
  const __m256i high = _mm256_hadd_epi32(m[2], m[3]);
  return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                          _mm256_permute2x128_si256(low, high, 0x31));
}

// Both int16 of dword j of the result: the scale of half kHalf of block j.
template <int kHalf>
KL_INLINE __m256i ScalesOfHalf(__m256i pairs) {
  constexpr int kSelect = kHalf == 0 ? 0xa0 : 0xf5;
  return _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(pairs, kSelect), kSelect);
}

// The int16 scales of block j: that of half 0 in the low, of half 1 in the high eight lanes.
KL_INLINE __m256i SpreadHalves(__m256i halves, int j) {
  const __m128i part = j < 4 ? _mm256_castsi256_si128(halves) : _mm256_extracti128_si256(halves, 1);
  const int at = 4 * (j % 4);
  const __m256i control = _mm256_set_m128i(_mm_set1_epi16((short)((at + 3) << 8 | (at + 2))),
                                           _mm_set1_epi16((short)((at + 1) << 8 | at)));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(part), control);
}

// Lane j: the sum of w * q over block j.
template <class Type>
KL_INLINE __m256i BlockProducts(const uint8_t* group, const ActivationGroup& a) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i* q = (const __m256i*)a.q;
  __m256i p[8];
  if (Type::kKind == kUnsigned) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      p[j] = _mm256_maddubs_epi16(LoadForProducts<Type>(group, j), _mm256_load_si256(q + j));
    }
    const __m256i init = _mm256_load_si256((const __m256i*)a.init);
    return _mm256_add_epi32(SumEachShort(p), _mm256_madd_epi16(init, ones));
  } else if (Type::kKind == kSigned) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      const __m256i w = LoadForProducts<Type>(group, j);
      const __m256i x = _mm256_sign_epi8(_mm256_load_si256(q + j), w);
      p[j] = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(w), x), ones);
    }
    return SumEach(p);
  } else {
    const __m256i halves = Type::Halves(group);
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      p[j] =
          _mm256_madd_epi16(_mm256_maddubs_epi16(LoadForProducts<Type>(group, j), _mm256_load_si256(q + j)),
                            SpreadHalves(halves, j));
    }
    const __m256i low = _mm256_load_si256((const __m256i*)a.init);
    const __m256i high = _mm256_load_si256((const __m256i*)a.init_high);
    return _mm256_add_epi32(SumEach(p),
                                _mm256_add_epi32(_mm256_madd_epi16(low, ScalesOfHalf<0>(halves)),
                                                 _mm256_madd_epi16(high, ScalesOfHalf<1>(halves))));
  }
}

// The same for 256 columns of 4-bit weights in the K8 layout, behind the scales.
KL_INLINE __m256i K8Nibbles(const uint8_t* weights, const ActivationGroup& a) {
  const __m256i low_half = _mm256_set1_epi8(15);
  const __m256i* q = (const __m256i*)a.q;
  __m256i even = _mm256_load_si256((const __m256i*)a.init);
  __m256i odd = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256i v = _mm256_loadu_si256((const __m256i*)(weights + 32 * i));
    const __m256i low = _mm256_and_si256(v, low_half);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), low_half);
    even = _mm256_add_epi16(even, _mm256_maddubs_epi16(low, _mm256_load_si256(q + 2 * i)));
    odd = _mm256_add_epi16(odd, _mm256_maddubs_epi16(high, _mm256_load_si256(q + 2 * i + 1)));
  }
  return _mm256_madd_epi16(_mm256_add_epi16(even, odd), _mm256_set1_epi16(1));
}

// The same for a group of Q6_K in the K8 layout. A half block of 16 columns stays within 16 bits
// (32 * 127 * 8 = 32,512), so it may wrap on the way.
template <class Type>
KL_INLINE __m256i K8SixBits(const uint8_t* packed, const ActivationGroup& a) {
  const __m256i six = _mm256_set1_epi8(0x3f);
  const __m256i* q = (const __m256i*)a.q;
  __m256i low = _mm256_load_si256((const __m256i*)a.init);
  __m256i high = _mm256_load_si256((const __m256i*)a.init_high);
#pragma GCC unroll 2
  for (int u = 0; u < 2; ++u) {
    const __m256i v0 = _mm256_loadu_si256((const __m256i*)(packed + 32 * u));
    const __m256i v1 = _mm256_loadu_si256((const __m256i*)(packed + 64 + 32 * u));
    const __m256i v2 = _mm256_loadu_si256((const __m256i*)(packed + 128 + 32 * u));
    const __m256i spread = SpreadColumns(v0, v1, v2);
    const __m256i* at = q + 2 * u;
    low = _mm256_add_epi16(
        low, _mm256_maddubs_epi16(_mm256_and_si256(v0, six), _mm256_load_si256(at)));
    low = _mm256_add_epi16(
        low, _mm256_maddubs_epi16(_mm256_and_si256(v1, six), _mm256_load_si256(at + 1)));
    high = _mm256_add_epi16(
        high, _mm256_maddubs_epi16(_mm256_and_si256(v2, six), _mm256_load_si256(at + 4)));
    high = _mm256_add_epi16(high, _mm256_maddubs_epi16(spread, _mm256_load_si256(at + 5)));
  }
  const __m256i halves = Type::Halves(packed);
  return _mm256_add_epi32(_mm256_madd_epi16(low, ScalesOfHalf<0>(halves)),
                          _mm256_madd_epi16(high, ScalesOfHalf<1>(halves)));
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_PRODUCTS_AVX2_H_
