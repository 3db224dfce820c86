// Rows of a KV cache by element type: how many bytes, how they are stored, how eight elements
// become f32. A row has L elements, L a multiple of 8; of q8_0 it is filled up to whole blocks.
//
//   Row::Load(row, i)             elements i .. i + 7, i a multiple of 8
//   Row::StoreRow(from, L, row)   rounds as the reference does, to the same bits
//
// q * d of q8_0 is exact in f32 (7 and 11 bits), so it does not matter where a row is widened.
#ifndef PLUGINS_SPARSE_X86_CACHE_ROWS_AVX2_H_
#define PLUGINS_SPARSE_X86_CACHE_ROWS_AVX2_H_

#include <float.h>

#include "core/abi/types.h"
#include "plugins/sparse_x86/simd_avx2.h"

namespace {

struct F32Row {
  static constexpr kl_dtype kType = KL_TYPE_F32;
  static KL_INLINE int64_t RowBytes(int64_t length) { return 4 * length; }
  static KL_INLINE __m256 Load(const uint8_t* row, int64_t i) {
    return _mm256_loadu_ps((const float*)row + i);
  }
  static KL_INLINE void StoreRow(const float* from, int64_t length, uint8_t* row) {
    memcpy(row, from, (size_t)length * sizeof(float));
  }
};

struct F16Row {
  static constexpr kl_dtype kType = KL_TYPE_F16;
  static KL_INLINE int64_t RowBytes(int64_t length) { return 2 * length; }
  static KL_INLINE __m256 Load(const uint8_t* row, int64_t i) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(row + 2 * i)));
  }
  static KL_INLINE void StoreRow(const float* from, int64_t length, uint8_t* row) {
    for (int64_t i = 0; i < length; i += 8) {
      const __m128i half =
          _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      _mm_storeu_si128((__m128i*)(row + 2 * i), half);
    }
  }
};

struct Q8Row {
  static constexpr kl_dtype kType = KL_TYPE_Q8_0;
  static constexpr int64_t kBlock = 32;
  static constexpr int64_t kBlockBytes = 34;  // d as f16, 32 codes
  static KL_INLINE int64_t RowBytes(int64_t length) {
    return CeilDivide(length, kBlock) * kBlockBytes;
  }
  static KL_INLINE __m256 Load(const uint8_t* row, int64_t i) {
    const uint8_t* block = row + i / kBlock * kBlockBytes;
    const __m128i codes = _mm_loadl_epi64((const __m128i*)(block + 2 + i % kBlock));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)),
                         _mm256_set1_ps(HalfToFloat(LoadU16(block))));
  }
  // round(x * inverse), halves away from zero: truncated after adding the number below 0.5.
  static KL_INLINE __m256i Code(__m256 x, __m256 inverse) {
    const __m256 product = _mm256_mul_ps(x, inverse);
    const __m256 sign = _mm256_and_ps(product, _mm256_set1_ps(-0.0f));
    const __m256 half = _mm256_or_ps(sign, _mm256_set1_ps(0x1.fffffep-2f));
    return _mm256_cvttps_epi32(_mm256_add_ps(product, half));
  }
  static KL_INLINE void StoreRow(const float* from, int64_t length, uint8_t* row) {
    for (int64_t at = 0; at < length; at += kBlock, row += kBlockBytes) {
      __m256 x[4];
      __m256 largest = _mm256_setzero_ps();
      for (int v = 0; v < 4; ++v) {
        x[v] = LoadFirst(from + at + 8 * v, length - at - 8 * v);
        largest = _mm256_max_ps(largest, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x[v]));
      }
      const float d = MaximumAcross(largest) / 127.0f;
      const __m256 inverse = _mm256_set1_ps(d >= FLT_MIN ? 1.0f / d : 0.0f);
      const uint16_t half = _cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      memcpy(row, &half, sizeof half);
      const __m256i low = _mm256_packs_epi32(Code(x[0], inverse), Code(x[1], inverse));
      const __m256i high = _mm256_packs_epi32(Code(x[2], inverse), Code(x[3], inverse));
      // Packing works within halves: dwords 0 4 1 5 2 6 3 7 are in order again.
      const __m256i codes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high),
                                                        _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
      _mm256_storeu_si256((__m256i*)(row + 2), codes);
    }
  }
};

template <class Row>
KL_INLINE void WidenRow(const uint8_t* row, int64_t length, float* to) {
  for (int64_t i = 0; i < length; i += 8) _mm256_store_ps(to + i, Row::Load(row, i));
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_CACHE_ROWS_AVX2_H_
