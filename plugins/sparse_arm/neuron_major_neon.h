// Experts neuron by neuron (plugins/common/kernels/neuron_major_layout.h) with NEON.
//
// The sums of a block's neurons run over rows, so that lanes are outputs: multiplications by one
// number, which NEON has and dotprod does not help.
#ifndef PLUGINS_SPARSE_ARM_NEURON_MAJOR_NEON_H_
#define PLUGINS_SPARSE_ARM_NEURON_MAJOR_NEON_H_

#include "plugins/common/kernels/neuron_major_layout.h"
#include "plugins/sparse_arm/blocks_neon.h"

namespace {

struct NeuronMajor {
  static constexpr ActivationForm kForm = {kNatural, 0, false};

  static KL_INLINE uint64_t PanelBytes(int64_t blocks) { return ::PanelBytes(blocks); }
  static KL_INLINE void QuantiseBlock(const float* x, ActivationGroup* group, int64_t j) {
    ::QuantiseBlock(x, kForm, group, j);
  }

  // Swaps rows and columns of 16 x 16 bytes.
  static KL_INLINE void Transpose16x16(uint8x16_t v[16]) {
#pragma GCC unroll 4
    for (int step = 0; step < 4; ++step) {
      uint8x16_t t[16];
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        t[2 * i] = vzip1q_u8(v[i], v[i + 8]);
        t[2 * i + 1] = vzip2q_u8(v[i], v[i + 8]);
      }
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) v[i] = t[i];
    }
  }

  static inline void PackDown(const uint8_t* source, uint64_t source_row_bytes,
                              const NeuronRecords& records, uint8_t* group) {
    const int64_t outputs = records.outputs;
    for (int64_t o = 0; o < outputs; ++o) {
      memcpy(group + 2 * o, source + (uint64_t)o * source_row_bytes, 2);
    }
    uint8_t* rows = group + records.DownAt(0);
    const uint8x16_t half = vdupq_n_u8(15);
    for (int64_t c = 0; c < outputs; c += kChunkOutputs) {
      for (int64_t k = 0; k < 32; k += 16) {
        // Byte j of low[i]: neuron j (high[i]: neuron 16 + j) of the outputs c + k + i and 32 on.
        uint8x16_t low[16];
        uint8x16_t high[16];
        for (int i = 0; i < 16; ++i) {
          const uint8_t* block = source + (uint64_t)(c + k + i) * source_row_bytes + 2;
          const uint8x16_t a = vld1q_u8(block);
          const uint8x16_t b = vld1q_u8(block + 32 * source_row_bytes);
          low[i] = vsliq_n_u8(vandq_u8(a, half), b, 4);
          high[i] = vorrq_u8(vshrq_n_u8(a, 4), vbicq_u8(b, half));
        }
        Transpose16x16(low);
        Transpose16x16(high);
        uint8_t* place = rows + c / 2 + k;
        for (int j = 0; j < 16; ++j) {
          vst1q_u8(place + (uint64_t)j * records.record_bytes, low[j]);
          vst1q_u8(place + (uint64_t)(16 + j) * records.record_bytes, high[j]);
        }
      }
    }
  }

  // sums[o] += d * scale[o] * sum over j of (w[j][o] - 8) * q[j]. Neurons whose q is 0 are not
  // read. The integer sum of 32 neurons fits 16 bits (32 * 8 * 127 = 32,512), so it may wrap on the
  // way. `ahead` is asked for a line with each line of the rows.
  template <class Ahead>
  static inline __attribute__((noinline)) void AddGroup(const uint8_t* group,
                                                        const NeuronRecords& records,
                                                        const ActivationGroup& h, float* sums,
                                                        Ahead* ahead) {
    const int64_t outputs = records.outputs;
    const int8_t* q = h.natural;
    const float d = h.d[0];
    const uint8_t* first = group + records.DownAt(0);
    const uint8_t* rows[kGroupNeurons + 1];  // one more to read ahead
    int8_t numbers[kGroupNeurons];
    int count = 0;
    int total = 0;
    for (int j = 0; j < kGroupNeurons; ++j) {
      rows[count] = group + records.DownAt(j);
      numbers[count] = q[j];
      total += q[j];
      count += q[j] != 0 ? 1 : 0;
    }
    rows[count] = first;
    const uint8x16_t half = vdupq_n_u8(15);
    const int16x8_t start = vdupq_n_s16((int16_t)(-8 * total));
    const float32x4_t scale = vdupq_n_f32(d);
    for (int64_t c = 0; c < outputs; c += kChunkOutputs) {
      ahead->FetchScales(c);
      for (int p = 0; p < count; p += 2) ahead->lines()->Fetch();
      // sum[s]: outputs c + 8s .. c + 8s + 7.
      int16x8_t sum[8];
#pragma GCC unroll 8
      for (int s = 0; s < 8; ++s) sum[s] = start;
      uint8x16_t v[2] = {vld1q_u8(rows[0] + c / 2), vld1q_u8(rows[0] + c / 2 + 16)};
      for (int p = 0; p < count; ++p) {
        const int8x16_t factor = vld1q_dup_s8(&numbers[p]);
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i) {
          const int8x16_t low = vreinterpretq_s8_u8(vandq_u8(v[i], half));
          const int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(v[i], 4));
          v[i] = vld1q_u8(rows[p + 1] + c / 2 + 16 * i);
          sum[2 * i] = vmlal_s8(sum[2 * i], vget_low_s8(low), vget_low_s8(factor));
          sum[2 * i + 1] = vmlal_high_s8(sum[2 * i + 1], low, factor);
          sum[4 + 2 * i] = vmlal_s8(sum[4 + 2 * i], vget_low_s8(high), vget_low_s8(factor));
          sum[4 + 2 * i + 1] = vmlal_high_s8(sum[4 + 2 * i + 1], high, factor);
        }
      }
#pragma GCC unroll 8
      for (int s = 0; s < 8; ++s) {
        const int64_t o = c + 8 * s;
        const F8 factor = LoadHalf8(group + 2 * o) * F8{scale, scale};
        const F8 value = {vcvtq_f32_s32(vmovl_s16(vget_low_s16(sum[s]))),
                          vcvtq_f32_s32(vmovl_high_s16(sum[s]))};
        Store8(sums + o, MultiplyAdd(value, factor, Load8(sums + o)));
      }
    }
  }

  // Outputs [first, first + 16) of a matrix into a panel whose columns are neurons.
  static inline __attribute__((noinline)) void Unpack(const uint8_t* matrix,
                                                      const NeuronRecords& records, int64_t first,
                                                      int64_t groups, const Panel& panel) {
    const uint8x16_t half = vdupq_n_u8(15);
    const int8x16_t eight = vdupq_n_s8(8);
    const bool high = first % kChunkOutputs >= 32;
    const uint8_t* group = matrix;
    for (int64_t g = 0; g < groups; ++g, group += records.group_bytes) {
      float scales[kPanelRows];
      Store8(scales, LoadHalf8(group + 2 * first));
      Store8(scales + 8, LoadHalf8(group + 2 * first + 16));
      for (int r = 0; r < kPanelRows; ++r) PutScale(panel, g, r, scales[r]);
      const uint8_t* row = group + records.DownAt(0) + first / kChunkOutputs * 32 + first % 32;
      for (int part = 0; part < 2; ++part) {
        // Byte r of v[j]: neuron 16 * part + j of output first + r, and after the transpose byte j
        // of v[r].
        uint8x16_t v[16];
        for (int j = 0; j < 16; ++j, row += records.record_bytes) {
          const uint8x16_t both = vld1q_u8(row);
          v[j] = high ? vshrq_n_u8(both, 4) : vandq_u8(both, half);
        }
        Transpose16x16(v);
        for (int r = 0; r < 16; ++r) {
          PutColumns(panel, g, r, part, vsubq_s8(vreinterpretq_s8_u8(v[r]), eight));
        }
      }
    }
  }

  template <class Store>
  static KL_INLINE void MultiplyPanel(const uint8_t* matrix, const NeuronRecords& records,
                                      int64_t first, int64_t groups,
                                      const ActivationGroup* const* vectors, int64_t count,
                                      void* memory, const Store& store) {
    const Panel panel = PanelAt(memory, groups);
    Unpack(matrix, records, first, groups, panel);
    MultiplyPanelTokens<kNarrowWeights>(panel, groups, vectors, count, store);
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_NEURON_MAJOR_NEON_H_
