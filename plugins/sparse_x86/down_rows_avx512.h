// AddChunk() of down_rows_avx2.h for two chunks, with 512 bits and vpdpbusd: whole cache lines.
#ifndef PLUGINS_SPARSE_X86_DOWN_ROWS_AVX512_H_
#define PLUGINS_SPARSE_X86_DOWN_ROWS_AVX512_H_

#include "plugins/sparse_x86/down_rows_avx2.h"

namespace {

// Swaps rows and columns of 4 x 4 quarters of registers.
KL_INLINE void TransposeQuarters(__m512i v[4]) {
  const __m512i a = _mm512_shuffle_i32x4(v[0], v[1], 0x44);
  const __m512i b = _mm512_shuffle_i32x4(v[0], v[1], 0xee);
  const __m512i c = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
  const __m512i d = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
  v[0] = _mm512_shuffle_i32x4(a, c, 0x88);
  v[1] = _mm512_shuffle_i32x4(a, c, 0xdd);
  v[2] = _mm512_shuffle_i32x4(b, d, 0x88);
  v[3] = _mm512_shuffle_i32x4(b, d, 0xdd);
}

// sums[o .. o + 15] = fma(integers, weight scale * activation scale, sums)
KL_INLINE void AddScaled16(__m512i integers, const uint8_t* scales, int64_t o, __m512 d,
                           float* sums) {
  const __m512 factor =
      _mm512_mul_ps(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)(scales + 2 * o))), d);
  const __m512 value = _mm512_cvtepi32_ps(integers);
  _mm512_storeu_ps(sums + o, _mm512_fmadd_ps(value, factor, _mm512_loadu_ps(sums + o)));
}

// The 128 outputs of the chunks at c. Four rows are woven into dwords of one output each. A byte is
// low + 16 * high: its product, less that of its low half, is 16 times that of the high one, which
// spares shifting and masking.
template <class Lines>
KL_INLINE void AddTwoChunks(const DownRows& rows, const uint8_t* group, int64_t c, __m512 d,
                            float* sums, Lines* lines) {
  const __m512i half = _mm512_set1_epi8(15);
  // Register i, quarter k: outputs 4i .. 4i + 3 (of their high halves: and 32) of chunk k / 2, and
  // 16 where k is odd.
  __m512i low[4];
  __m512i both[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) low[i] = both[i] = _mm512_setzero_si512();
  for (int p = 0; p < rows.count; p += DownRows::kTogether) {
    __m512i v[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      lines->Fetch();
      v[i] = _mm512_loadu_si512(rows.row[p + i] + c / 2);
    }
    const __m512i a = _mm512_unpacklo_epi8(v[0], v[1]);
    const __m512i b = _mm512_unpackhi_epi8(v[0], v[1]);
    const __m512i e = _mm512_unpacklo_epi8(v[2], v[3]);
    const __m512i f = _mm512_unpackhi_epi8(v[2], v[3]);
    const __m512i q = _mm512_set1_epi32(rows.q4[p / DownRows::kTogether]);
    const __m512i woven[4] = {_mm512_unpacklo_epi16(a, e), _mm512_unpackhi_epi16(a, e),
                              _mm512_unpacklo_epi16(b, f), _mm512_unpackhi_epi16(b, f)};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      both[i] = _mm512_dpbusd_epi32(both[i], woven[i], q);
      low[i] = _mm512_dpbusd_epi32(low[i], _mm512_and_si512(woven[i], half), q);
    }
  }
  const __m512i offset = _mm512_set1_epi32(8 * rows.total);
  __m512i high[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    high[i] = _mm512_srai_epi32(_mm512_sub_epi32(both[i], low[i]), 4);
    high[i] = _mm512_sub_epi32(high[i], offset);
    low[i] = _mm512_sub_epi32(low[i], offset);
  }
  TransposeQuarters(low);
  TransposeQuarters(high);
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const int64_t o = c + kChunkOutputs * (k / 2) + 16 * (k % 2);
    AddScaled16(low[k], group, o, d, sums);
    AddScaled16(high[k], group, o + 32, d, sums);
  }
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_DOWN_ROWS_AVX512_H_
