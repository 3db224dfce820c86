// Many tokens: 16 rows are unpacked once for all tokens of a batch, then multiplied in tiles.
//
//   bytes   [block][512] int8                   see tile_neon.h
//   scales  [block][16] f32, and where the type has them
//   minima  [block][16] f32                     added as minimum * (scale * sum of activations)
//   halves  [block][2][16] int16                integer scale of columns 0..15 and 16..31
//
// Numbers: every output keeps eight partial sums, one for the blocks j, j + 8, j + 16, ...; each
// block adds fma(integer dot product, weight scale * activation scale). They are summed at the end
// in the order of SumAcross. The one-token kernels hold the same eight sums in the lanes of an F8:
// an output has the same bits whatever the number of tokens, and the bits that x86 gives.
#ifndef PLUGINS_SPARSE_ARM_PANEL_NEON_H_
#define PLUGINS_SPARSE_ARM_PANEL_NEON_H_

#include "plugins/common/kernels/f32x8.h"
#include "plugins/sparse_arm/activations_neon.h"
#include "plugins/sparse_arm/tile_neon.h"

namespace {

struct Panel {
  int8_t* bytes;
  float* scales;
  float* minima;
  int16_t* halves;
};

KL_INLINE uint64_t PanelBytes(int64_t blocks) { return (uint64_t)blocks * (512 + 2 * 64 + 64); }
KL_INLINE Panel PanelAt(void* memory, int64_t blocks) {
  Panel panel;
  panel.bytes = (int8_t*)memory;
  panel.scales = (float*)(panel.bytes + blocks * 512);
  panel.minima = panel.scales + blocks * 16;
  panel.halves = (int16_t*)(panel.minima + blocks * 16);
  return panel;
}

// What a weight type needs beside bytes and scales.
enum WeightTraits {
  kPlain = 0,
  kNarrowWeights = 1,  // within -32..31
  kWithMinima = 2,
  kHalvedScales = 4  // integer scales for each 16 columns
};

// Columns 16 * half .. 16 * half + 15 of a row, in order.
KL_INLINE void PutColumns(const Panel& panel, int64_t block, int64_t row, int half, int8x16_t w) {
  int8_t* bytes = panel.bytes + block * 512;
  const int32x4_t v = vreinterpretq_s32_s8(w);
  vst1q_lane_s32((int32_t*)(bytes + PanelOffset(row, 4 * half)), v, 0);
  vst1q_lane_s32((int32_t*)(bytes + PanelOffset(row, 4 * half + 1)), v, 1);
  vst1q_lane_s32((int32_t*)(bytes + PanelOffset(row, 4 * half + 2)), v, 2);
  vst1q_lane_s32((int32_t*)(bytes + PanelOffset(row, 4 * half + 3)), v, 3);
}

// Columns 4 * step .. of a row in the four blocks from `block` on.
KL_INLINE void PutBlocks(const Panel& panel, int64_t block, int64_t row, int step, int8x16_t w) {
  int8_t* bytes = panel.bytes + block * 512 + PanelOffset(row, step);
  const int32x4_t v = vreinterpretq_s32_s8(w);
  vst1q_lane_s32((int32_t*)bytes, v, 0);
  vst1q_lane_s32((int32_t*)(bytes + 512), v, 1);
  vst1q_lane_s32((int32_t*)(bytes + 1024), v, 2);
  vst1q_lane_s32((int32_t*)(bytes + 1536), v, 3);
}

// y[t][row] for kTokens tokens and 16 rows. kTraits: of WeightTraits.
template <int kTraits, int kTokens>
static inline __attribute__((noinline)) void MultiplyPanelTile(const Panel& panel, int64_t blocks,
                                                               const ActivationGroup* const* tokens,
                                                               float* y) {
  constexpr bool kNarrow = (kTraits & kNarrowWeights) != 0;
  constexpr bool kMinima = (kTraits & kWithMinima) != 0;
  constexpr bool kHalved = (kTraits & kHalvedScales) != 0;
  alignas(64) float sums[8][kTokens][16];
  memset(sums, 0, sizeof sums);
  const int8_t* w = panel.bytes;
  const float* scales = panel.scales;
  for (int64_t b = 0; b < blocks; ++b, w += 512, scales += 16) {
    const int64_t j = b % 8;
    const ActivationGroup* group[kTokens];
    const int8_t* q[kTokens];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      group[t] = tokens[t] + b / 8;
      q[t] = group[t]->natural + 32 * j;
    }
    int32x4_t integers[kTokens][4];
    if (kHalved) {
      int32x4_t high[kTokens][4];
      MultiplyTile<kNarrow, kTokens, 0, 1>(w, q, integers);
      MultiplyTile<kNarrow, kTokens, 1, 2>(w, q, high);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) {
        const int32x4_t first = vmovl_s16(vld1_s16(panel.halves + 32 * b + 4 * r));
        const int32x4_t second = vmovl_s16(vld1_s16(panel.halves + 32 * b + 16 + 4 * r));
#pragma GCC unroll 4
        for (int t = 0; t < kTokens; ++t) {
          integers[t][r] = vmlaq_s32(vmulq_s32(integers[t][r], first), high[t][r], second);
        }
      }
    } else {
      MultiplyTile<kNarrow, kTokens, 0, 2>(w, q, integers);
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const float32x4_t scale = vld1q_f32(scales + 4 * r);
      const float32x4_t minimum = vld1q_f32(panel.minima + 16 * b + 4 * r);
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) {
        float* place = &sums[j][t][4 * r];
        float32x4_t v = vfmaq_f32(vld1q_f32(place), vcvtq_f32_s32(integers[t][r]),
                                  vmulq_n_f32(scale, group[t]->d[j]));
        if (kMinima) v = vfmaq_n_f32(v, minimum, group[t]->d_sum[j]);
        vst1q_f32(place, v);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      F8 lane[8];
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) lane[j] = Load8(&sums[j][t][8 * r]);
      const F8 even = (lane[0] + lane[4]) + (lane[2] + lane[6]);
      const F8 odd = (lane[1] + lane[5]) + (lane[3] + lane[7]);
      Store8(y + 16 * t + 8 * r, even + odd);
    }
  }
}

// Calls store(index, y16) with the 16 outputs of each of `count` tokens.
template <int kTraits, class Store>
KL_INLINE void MultiplyPanelTokens(const Panel& panel, int64_t blocks,
                                   const ActivationGroup* const* tokens, int64_t count,
                                   const Store& store) {
  alignas(64) float y[kPanelTokens * 16];
  for (int64_t t = 0; t < count; t += kPanelTokens) {
    const int64_t some = Minimum(kPanelTokens, count - t);
    if (some == kPanelTokens) {
      MultiplyPanelTile<kTraits, kPanelTokens>(panel, blocks, tokens + t, y);
    } else if (some == 1) {
      MultiplyPanelTile<kTraits, 1>(panel, blocks, tokens + t, y);
    } else if (some == 2) {
      MultiplyPanelTile<kTraits, 2>(panel, blocks, tokens + t, y);
    } else {
      MultiplyPanelTile<kTraits, kPanelTokens - 1>(panel, blocks, tokens + t, y);
    }
    for (int64_t i = 0; i < some; ++i) store(t + i, y + 16 * i);
  }
}

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_PANEL_NEON_H_
