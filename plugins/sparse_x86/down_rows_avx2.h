// Down rows of active neurons, times their activations
// (plugins/common/kernels/neuron_major_layout.h).
#ifndef PLUGINS_SPARSE_X86_DOWN_ROWS_AVX2_H_
#define PLUGINS_SPARSE_X86_DOWN_ROWS_AVX2_H_

#include "plugins/common/kernels/neuron_major_layout.h"
#include "plugins/sparse_x86/kernel_avx2.h"

namespace {

// Of the neurons of a group whose activation is not 0.
struct DownRows {
  static constexpr int kTogether = 4;  // rows that are multiplied side by side, at most

  KL_INLINE DownRows(const uint8_t* group, const NeuronRecords& records, const int8_t* q) {
    uint8_t numbers[kGroupNeurons + kTogether];
    for (int j = 0; j < kGroupNeurons; ++j) {
      row[count] = group + records.DownAt(j);
      numbers[count] = (uint8_t)q[j];
      total += q[j];
      count += q[j] != 0 ? 1 : 0;
    }
    // Behind the last: the same row, times 0.
    for (int i = 0; i < kTogether; ++i) {
      row[count + i] = row[count > 0 ? count - 1 : 0];
      numbers[count + i] = 0;
    }
    memcpy(q4, numbers, sizeof q4);
  }

  const uint8_t* row[kGroupNeurons + kTogether];
  int32_t q4[kGroupNeurons / kTogether + 1];  // activations of four rows each
  int count = 0;
  int total = 0;  // of the activations
};

// sums[o .. o + 7] = fma(integers, weight scale * activation scale, sums)
KL_INLINE void AddScaled(__m128i integers, const uint8_t* scales, int64_t o, __m256 d,
                         float* sums) {
  const __m256 factor =
      _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(scales + 2 * o))), d);
  const __m256 value = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(integers));
  _mm256_store_ps(sums + o, _mm256_fmadd_ps(value, factor, _mm256_load_ps(sums + o)));
}

// The 64 outputs of chunk c. The integer sum of 32 neurons fits 16 bits (32 * 8 * 127 = 32,512), so
// it may wrap on the way.
template <class Lines>
KL_INLINE void AddChunk(const DownRows& rows, const uint8_t* group, int64_t c, __m256 d,
                        float* sums, Lines* lines) {
  const __m256i half = _mm256_set1_epi8(15);
  const __m256i start = _mm256_set1_epi16((short)(-8 * rows.total));
  __m256i sum[4] = {start, start, start, start};
  for (int p = 0; p < rows.count; p += 2) {
    lines->Fetch();
    const __m256i a = _mm256_loadu_si256((const __m256i*)(rows.row[p] + c / 2));
    const __m256i b = _mm256_loadu_si256((const __m256i*)(rows.row[p + 1] + c / 2));
    const __m256i factor = _mm256_set1_epi16(((const int16_t*)rows.q4)[p / 2]);
    const __m256i even = _mm256_unpacklo_epi8(a, b);  // outputs 0..7, 16..23 and 32 on
    const __m256i odd = _mm256_unpackhi_epi8(a, b);   // outputs 8..15, 24..31 and 32 on
    const __m256i even_high = _mm256_and_si256(_mm256_srli_epi16(even, 4), half);
    const __m256i odd_high = _mm256_and_si256(_mm256_srli_epi16(odd, 4), half);
    sum[0] = _mm256_add_epi16(sum[0], _mm256_maddubs_epi16(_mm256_and_si256(even, half), factor));
    sum[1] = _mm256_add_epi16(sum[1], _mm256_maddubs_epi16(_mm256_and_si256(odd, half), factor));
    sum[2] = _mm256_add_epi16(sum[2], _mm256_maddubs_epi16(even_high, factor));
    sum[3] = _mm256_add_epi16(sum[3], _mm256_maddubs_epi16(odd_high, factor));
  }
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s) {
    const int64_t o = c + 32 * (s / 2) + 8 * (s % 2);
    AddScaled(_mm256_castsi256_si128(sum[s]), group, o, d, sums);
    AddScaled(_mm256_extracti128_si256(sum[s], 1), group, o + 16, d, sums);
  }
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_DOWN_ROWS_AVX2_H_
