// Experts neuron by neuron (plugins/common/kernels/neuron_major_layout.h) with AVX2.
#ifndef PLUGINS_SPARSE_X86_NEURON_MAJOR_AVX2_H_
#define PLUGINS_SPARSE_X86_NEURON_MAJOR_AVX2_H_

#include "plugins/common/kernels/neuron_major_layout.h"
#include "plugins/sparse_x86/blocks_avx2.h"
#include "plugins/sparse_x86/kernel_avx2.h"

namespace {

struct NeuronMajor {
  static constexpr ActivationForm kForm = {kNatural, 8, false};

  static KL_INLINE uint64_t PanelBytes(int64_t blocks) { return ::PanelBytes(blocks); }
  static KL_INLINE void QuantiseBlock(const float* x, ActivationGroup* group, int64_t j) {
    ::QuantiseBlock(x, kForm, group, j);
  }

  template <class Store>
  static KL_INLINE void MultiplyPanel(const uint8_t* matrix, const NeuronRecords& records,
                                      int64_t first, int64_t groups,
                                      const ActivationGroup* const* vectors, int64_t count,
                                      void* memory, const Store& store) {
    const Panel panel = PanelAt(memory, groups);
    Unpack(matrix, records, first, groups, panel);
    MultiplyPanelTokens<kUnsigned, false, kNatural>(panel, groups, vectors, count, store);
  }

  // Swaps rows and columns of 16 x 16 bytes.
  static KL_INLINE void Transpose16x16(__m128i v[16]) {
#pragma GCC unroll 4
    for (int step = 0; step < 4; ++step) {
      __m128i t[16];
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        t[2 * i] = _mm_unpacklo_epi8(v[i], v[i + 8]);
        t[2 * i + 1] = _mm_unpackhi_epi8(v[i], v[i + 8]);
      }
      memcpy(v, t, sizeof t);
    }
  }

  // Down of one group from the file's rows; `source` points to the group's block of output 0.
  static inline void PackDown(const uint8_t* source, uint64_t source_row_bytes,
                              const NeuronRecords& records, uint8_t* group) {
    const int64_t outputs = records.outputs;
    for (int64_t o = 0; o < outputs; ++o) {
      memcpy(group + 2 * o, source + (uint64_t)o * source_row_bytes, 2);
    }
    uint8_t* rows = group + records.DownAt(0);
    for (int64_t c = 0; c < outputs; c += kChunkOutputs) {
      for (int64_t k = 0; k < 32; k += 16) {
        // Byte j of low[i]: neuron j (high[i]: neuron 16 + j) of the outputs c + k + i and 32 on.
        __m128i low[16];
        __m128i high[16];
        const __m128i half = _mm_set1_epi8(15);
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          const uint8_t* block = source + (uint64_t)(c + k + i) * source_row_bytes + 2;
          const __m128i a = _mm_loadu_si128((const __m128i*)block);
          const __m128i b = _mm_loadu_si128((const __m128i*)(block + 32 * source_row_bytes));
          low[i] = _mm_or_si128(_mm_and_si128(a, half), _mm_slli_epi16(_mm_and_si128(b, half), 4));
          high[i] =
              _mm_or_si128(_mm_and_si128(_mm_srli_epi16(a, 4), half), _mm_andnot_si128(half, b));
        }
        Transpose16x16(low);
        Transpose16x16(high);
        uint8_t* place = rows + c / 2 + k;
        for (int j = 0; j < 16; ++j) {
          _mm_storeu_si128((__m128i*)(place + (uint64_t)j * records.record_bytes), low[j]);
          _mm_storeu_si128((__m128i*)(place + (uint64_t)(16 + j) * records.record_bytes), high[j]);
        }
      }
    }
  }

  // sums[o] += d * scale[o] * sum over j of (w[j][o] - 8) * q[j]. Neurons whose q is 0 are not
  // read. The integer sum of 32 neurons fits 16 bits (32 * 8 * 127 = 32,512), so it may wrap on the
  // way.
  template <class Ahead>
  static inline __attribute__((noinline)) void AddGroup(const uint8_t* group,
                                                        const NeuronRecords& records,
                                                        const ActivationGroup& h, float* sums,
                                                        Ahead* ahead) {
    const int64_t outputs = records.outputs;
    const int8_t* q = h.q;
    const float d = h.d[0];
    const uint8_t* rows[kGroupNeurons + 1];
    uint8_t numbers[kGroupNeurons + 1];
    int count = 0;
    int total = 0;
    for (int j = 0; j < kGroupNeurons; ++j) {
      rows[count] = group + records.DownAt(j);
      numbers[count] = (uint8_t)q[j];
      total += q[j];
      count += q[j] != 0 ? 1 : 0;
    }
    // An odd one is paired with itself, times 0.
    if (count % 2 != 0) {
      rows[count] = rows[count - 1];
      numbers[count++] = 0;
    }
    int32_t factors[kGroupNeurons / 2 + 1];
    for (int p = 0; p < count / 2; ++p) {
      const uint32_t pair = numbers[2 * p] | (uint32_t)numbers[2 * p + 1] << 8;
      factors[p] = (int32_t)(pair | pair << 16);
    }
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i start = _mm256_set1_epi16((short)(-8 * total));
    const __m256 scale = _mm256_set1_ps(d);
    for (int64_t c = 0; c < outputs; c += kChunkOutputs) {
      (*ahead)(c);
      __m256i sum[4] = {start, start, start, start};
      for (int p = 0; p < count; p += 2) {
        const __m256i a = _mm256_loadu_si256((const __m256i*)(rows[p] + c / 2));
        const __m256i b = _mm256_loadu_si256((const __m256i*)(rows[p + 1] + c / 2));
        const __m256i factor = _mm256_set1_epi32(factors[p / 2]);
        const __m256i even = _mm256_unpacklo_epi8(a, b);  // outputs 0..7, 16..23 and 32 on
        const __m256i odd = _mm256_unpackhi_epi8(a, b);   // outputs 8..15, 24..31 and 32 on
        const __m256i even_high = _mm256_and_si256(_mm256_srli_epi16(even, 4), half);
        const __m256i odd_high = _mm256_and_si256(_mm256_srli_epi16(odd, 4), half);
        sum[0] =
            _mm256_add_epi16(sum[0], _mm256_maddubs_epi16(_mm256_and_si256(even, half), factor));
        sum[1] =
            _mm256_add_epi16(sum[1], _mm256_maddubs_epi16(_mm256_and_si256(odd, half), factor));
        sum[2] = _mm256_add_epi16(sum[2], _mm256_maddubs_epi16(even_high, factor));
        sum[3] = _mm256_add_epi16(sum[3], _mm256_maddubs_epi16(odd_high, factor));
      }
#pragma GCC unroll 4
      for (int s = 0; s < 4; ++s) {
        const int64_t o = c + 32 * (s / 2) + 8 * (s % 2);
        AddScaled(_mm256_castsi256_si128(sum[s]), group, o, scale, sums);
        AddScaled(_mm256_extracti128_si256(sum[s], 1), group, o + 16, scale, sums);
      }
    }
  }

  // Outputs [first, first + kEngineRows) of a matrix into a panel whose columns are neurons.
  static inline __attribute__((noinline)) void Unpack(const uint8_t* matrix,
                                                      const NeuronRecords& records,
                                                      int64_t first, int64_t groups,
                                                      const Panel& panel) {
    const __m128i half = _mm_set1_epi8(15);
    const int shift = first % kChunkOutputs < 32 ? 0 : 4;
    const uint8_t* group = matrix;
    for (int64_t g = 0; g < groups; ++g, group += records.group_bytes) {
      for (int64_t o = 0; o < kEngineRows; o += 8) {
        _mm256_store_ps(panel.scales + g * kEngineRows + o, LoadHalf8(group + 2 * (first + o)));
      }
      const uint8_t* row = group + records.DownAt(0) + first / kChunkOutputs * 32 + first % 32;
#pragma GCC unroll 8
      for (int s = 0; s < 8; ++s, row += 4 * records.record_bytes) {
        uint8_t* bytes = PanelBytesAt(panel, g, s, 0);
        for (int64_t o = 0; o < kEngineRows; o += 16) {
          __m128i v[4];
#pragma GCC unroll 4
          for (int i = 0; i < 4; ++i) {
            const __m128i both = _mm_loadu_si128((const __m128i*)(row + i * records.record_bytes + o));
            v[i] = _mm_and_si128(_mm_srl_epi16(both, _mm_cvtsi32_si128(shift)), half);
          }
          const __m128i a = _mm_unpacklo_epi8(v[0], v[1]);
          const __m128i b = _mm_unpackhi_epi8(v[0], v[1]);
          const __m128i c = _mm_unpacklo_epi8(v[2], v[3]);
          const __m128i d = _mm_unpackhi_epi8(v[2], v[3]);
          __m128i* place = (__m128i*)(bytes + 4 * o);
          _mm_store_si128(place, _mm_unpacklo_epi16(a, c));
          _mm_store_si128(place + 1, _mm_unpackhi_epi16(a, c));
          _mm_store_si128(place + 2, _mm_unpacklo_epi16(b, d));
          _mm_store_si128(place + 3, _mm_unpackhi_epi16(b, d));
        }
      }
    }
  }

 private:
  // sums[o .. o + 7] = fma(integers, weight scale * activation scale, sums)
  static KL_INLINE void AddScaled(__m128i integers, const uint8_t* scales, int64_t o, __m256 d,
                                  float* sums) {
    const __m256 factor =
        _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(scales + 2 * o))), d);
    const __m256 value = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(integers));
    _mm256_store_ps(sums + o, _mm256_fmadd_ps(value, factor, _mm256_load_ps(sums + o)));
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_NEURON_MAJOR_AVX2_H_
