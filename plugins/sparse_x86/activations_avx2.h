// Quantises activations; plugins/common/kernels/activation_group.h says what for.
//
// With VNNI the two corrections are whole numbers. Without, pairs of int16, because vpmaddubsw sums
// pairs of columns: the low half belongs to columns 4i, 4i+1, the high half to columns 4i+2, 4i+3 of
// the block. `init` is of the first 16 columns where the type is halved.
#ifndef PLUGINS_SPARSE_X86_ACTIVATIONS_AVX2_H_
#define PLUGINS_SPARSE_X86_ACTIVATIONS_AVX2_H_

#include "plugins/common/kernels/activation_group.h"
#include "plugins/sparse_x86/simd_avx2.h"

namespace {

// Where the columns 4v .. 4v + 3 of all blocks lie in a group of interleaved activations, in vectors
// of 32 bytes. AVX-512 multiplies two vectors of K8 weights at once, first their low halves.
KL_INLINE constexpr int InterleavedVector(int v) {
#if defined(__AVX512VNNI__)
  return (v & 4) | (v & 1) << 1 | (v >> 1 & 1);
#else
  return v;
#endif
}

struct Corrections {
  int32_t init;
  int32_t init_high;
  int32_t total;  // of the quantised numbers
};

#if defined(KL_VNNI)

KL_INLINE int32_t SumOfFour(__m128i v) {
  v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}

KL_INLINE Corrections CorrectionsOf(__m256i q, ActivationForm form) {
  const __m256i fours = DotBytes(_mm256_setzero_si256(), _mm256_set1_epi8(1), q);
  const int32_t low = SumOfFour(_mm256_castsi256_si128(fours));
  const int32_t high = SumOfFour(_mm256_extracti128_si256(fours, 1));
  Corrections c;
  c.total = low + high;
  c.init = -form.offset * (form.halved ? low : c.total);
  c.init_high = form.halved ? -form.offset * high : 0;
  return c;
}

#else

// Sum over the four dwords of each 128-bit half, as int16 pairs: pair in every dword of the half.
KL_INLINE __m256i SumPairs(__m256i v) {
  v = _mm256_add_epi16(v, _mm256_shuffle_epi32(v, 0x4e));
  return _mm256_add_epi16(v, _mm256_shuffle_epi32(v, 0xb1));
}

KL_INLINE Corrections CorrectionsOf(__m256i q, ActivationForm form) {
  const __m256i pairs = SumPairs(_mm256_maddubs_epi16(_mm256_set1_epi8(1), q));
  const __m128i factor = _mm_set1_epi16((short)-form.offset);
  __m128i low = _mm256_castsi256_si128(pairs);
  const __m128i high = _mm256_extracti128_si256(pairs, 1);
  const __m128i all = _mm_add_epi16(low, high);
  const int32_t both = _mm_cvtsi128_si32(all);
  if (!form.halved) low = all;
  Corrections c;
  c.total = (int32_t)(int16_t)both + (both >> 16);
  c.init = _mm_cvtsi128_si32(_mm_mullo_epi16(low, factor));
  c.init_high = form.halved ? _mm_cvtsi128_si32(_mm_mullo_epi16(high, factor)) : 0;
  return c;
}

#endif

// Quantises 32 floats into block j of a group.
KL_INLINE void QuantiseBlock(const float* x, ActivationForm form, ActivationGroup* group,
                             int64_t j) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 v[4];
  __m256 m = _mm256_setzero_ps();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_loadu_ps(x + 8 * i);
    m = _mm256_max_ps(m, _mm256_andnot_ps(sign, v[i]));
  }
  const float largest = MaximumAcross(m);
  const float d = largest / 127.0f;
  // A block of denormals has no usable inverse: it counts as zero.
  const float inverse = largest > 1e-30f ? 127.0f / largest : 0.0f;
  const __m256 scale = _mm256_set1_ps(inverse);
  __m256i w[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) w[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], scale));
  __m256i q = _mm256_packs_epi16(_mm256_packs_epi32(w[0], w[1]), _mm256_packs_epi32(w[2], w[3]));
  q = _mm256_permutevar8x32_epi32(q, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  // A NaN or infinity became -128: keep the range that the int16 sums rely on.
  q = _mm256_max_epi8(q, _mm256_set1_epi8(-127));
  if (form.order == kNatural) {
    _mm256_store_si256((__m256i*)(group->q + 32 * j), q);
  } else {
    alignas(32) int32_t dwords[8];
    _mm256_store_si256((__m256i*)dwords, q);
    int32_t* column = (int32_t*)group->q + j;
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) column[8 * InterleavedVector(i)] = dwords[i];
  }
  const Corrections corrections = CorrectionsOf(q, form);
  group->init[j] = corrections.init;
  group->init_high[j] = corrections.init_high;
  group->d[j] = inverse > 0.0f ? d : 0.0f * largest;  // NaN and infinity stay visible
  group->d_sum[j] = group->d[j] * (float)corrections.total;
}

// Quantises one row of `columns` (a multiple of 32) floats. Blocks past its end become zeros.
KL_INLINE void QuantiseRow(const float* x, int64_t columns, ActivationForm form,
                           ActivationGroup* groups) {
  const int64_t blocks = columns / 32;
  if (blocks % 8 != 0) memset(groups + blocks / 8, 0, sizeof(ActivationGroup));
  for (int64_t b = 0; b < blocks; ++b) QuantiseBlock(x + 32 * b, form, groups + b / 8, b % 8);
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_ACTIVATIONS_AVX2_H_
