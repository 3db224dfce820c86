// Experts neuron by neuron (plugins/common/kernels/neuron_major_layout.h) with AVX2.
#ifndef PLUGINS_SPARSE_X86_NEURON_MAJOR_AVX2_H_
#define PLUGINS_SPARSE_X86_NEURON_MAJOR_AVX2_H_

#include "plugins/common/kernels/neuron_major_layout.h"
#include "plugins/sparse_x86/blocks_avx2.h"
#include "plugins/sparse_x86/down_rows_avx2.h"
#include "plugins/sparse_x86/kernel_avx2.h"
#if defined(__AVX512VNNI__)
#include "plugins/sparse_x86/down_rows_avx512.h"
#endif

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
  // read. `ahead` is asked for a line with each line of the rows.
  template <class Ahead>
  static inline __attribute__((noinline)) void AddGroup(const uint8_t* group,
                                                        const NeuronRecords& records,
                                                        const ActivationGroup& h, float* sums,
                                                        Ahead* ahead) {
    const DownRows rows(group, records, h.q);
    const __m256 scale = _mm256_set1_ps(h.d[0]);
    auto lines = *ahead->lines();
    int64_t c = 0;
#if defined(__AVX512VNNI__)
    for (; c + 2 * kChunkOutputs <= records.outputs; c += 2 * kChunkOutputs) {
      ahead->FetchScales(c);
      ahead->FetchScales(c + kChunkOutputs);
      AddTwoChunks(rows, group, c, _mm512_set1_ps(h.d[0]), sums, &lines);
    }
#endif
    for (; c < records.outputs; c += kChunkOutputs) {
      ahead->FetchScales(c);
      AddChunk(rows, group, c, scale, sums, &lines);
    }
    *ahead->lines() = lines;
  }

  // Outputs [first, first + kEngineRows) of a matrix into a panel whose columns are neurons.
  static inline __attribute__((noinline)) void Unpack(const uint8_t* matrix,
                                                      const NeuronRecords& records, int64_t first,
                                                      int64_t groups, const Panel& panel) {
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
            const __m128i both =
                _mm_loadu_si128((const __m128i*)(row + i * records.record_bytes + o));
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
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_NEURON_MAJOR_AVX2_H_
