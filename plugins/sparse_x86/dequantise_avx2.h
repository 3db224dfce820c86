// Rows of any weight type to f32, eight elements at a time.
//
// A reader has kType and Read(row, columns, factor, y): y = factor * row.
#ifndef PLUGINS_SPARSE_X86_DEQUANTISE_AVX2_H_
#define PLUGINS_SPARSE_X86_DEQUANTISE_AVX2_H_

#include "plugins/sparse_x86/blocks_avx2.h"
#include "plugins/sparse_x86/floats_avx2.h"

namespace {

// The `count` blocks of one group, times `factor`.
template <class Type>
KL_INLINE void DequantiseGroup(const uint8_t* group, int count, float factor, float* y) {
  alignas(32) float scales[8];
  alignas(32) float minima[8];
  alignas(32) int16_t halves[16];
  const __m256 factors = _mm256_set1_ps(factor);
  _mm256_store_ps(scales, _mm256_mul_ps(Type::Scales(group), factors));
  _mm256_store_ps(minima, _mm256_mul_ps(Type::Minima(group), factors));
  _mm256_store_si256((__m256i*)halves, Type::Halves(group));
  const __m256i offset = _mm256_set1_epi8(Type::kKind == kSigned ? 0 : Type::kOffset);
  for (int j = 0; j < count; ++j) {
    const __m256i w = _mm256_sub_epi8(Type::Load(group, j), offset);
    const __m128i low = _mm256_castsi256_si128(w);
    const __m128i high = _mm256_extracti128_si256(w, 1);
    const __m256i eight[4] = {
        _mm256_cvtepi8_epi32(low), _mm256_cvtepi8_epi32(_mm_srli_si128(low, 8)),
        _mm256_cvtepi8_epi32(high), _mm256_cvtepi8_epi32(_mm_srli_si128(high, 8))};
    const __m256 minimum = _mm256_set1_ps(minima[j]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const float scale =
          Type::kKind == kHalved ? scales[j] * (float)halves[2 * j + i / 2] : scales[j];
      __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(eight[i]), _mm256_set1_ps(scale));
      if (Type::kMinima) v = _mm256_add_ps(v, minimum);
      _mm256_storeu_ps(y + 32 * j + 8 * i, v);
    }
  }
}

// `columns` is a multiple of the type's block.
template <class Type>
KL_INLINE void DequantiseRow(const uint8_t* row, int64_t columns, float factor, float* y) {
  int64_t k = 0;
  for (; k + 256 <= columns; k += 256) {
    DequantiseGroup<Type>(row, 8, factor, y + k);
    row += Type::kGroupBytes;
  }
  if (k < columns) {
    const int count = (int)(columns - k) / 32;
    alignas(32) uint8_t padded[Type::kGroupBytes];
    memset(padded, 0, sizeof padded);
    memcpy(padded, row, (size_t)count * Type::kGroupBytes / 8);
    DequantiseGroup<Type>(padded, count, factor, y + k);
  }
}

template <class Type>
struct QuantisedReader {
  static constexpr kl_dtype kType = Type::kType;
  static KL_INLINE void Read(const uint8_t* row, int64_t columns, float scale, float* y) {
    DequantiseRow<Type>(row, columns, scale, y);
  }
};

template <class Type>
struct FloatReader {
  static constexpr kl_dtype kType = Type::kType;
  static KL_INLINE void Read(const uint8_t* row, int64_t columns, float scale, float* y) {
    const __m256 factor = _mm256_set1_ps(scale);
    int64_t k = 0;
    for (; k + 8 <= columns; k += 8) {
      _mm256_storeu_ps(y + k, _mm256_mul_ps(Type::Load(row + k * Type::kBytes), factor));
    }
    if (k < columns) {
      alignas(32) uint8_t padded[8 * Type::kBytes] = {};
      memcpy(padded, row + k * Type::kBytes, (size_t)(columns - k) * Type::kBytes);
      StoreFirst(y + k, columns - k, _mm256_mul_ps(Type::Load(padded), factor));
    }
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_DEQUANTISE_AVX2_H_
