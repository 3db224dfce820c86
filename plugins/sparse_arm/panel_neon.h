// Many tokens: 16 rows are unpacked once for all tokens of a batch, then multiplied in tiles.
//
//   bytes   [block][512] int8                   see tile_neon.h, also for the order of the floats
//   scales  [block][16] f32, and where the type has them
//   minima  [block][16] f32                     added as minimum * (scale * sum of activations)
//   halves  [block][3][16] f32                  whole-numbered scales of columns 0..15 and 16..31,
//                                               and -kBiasAsFloat times the first
//
// Numbers: every output keeps eight partial sums, one for the blocks j, j + 8, j + 16, ...; each
// block adds fma(integer dot product, weight scale * activation scale). They are summed at the end
// in the order of SumAcross. A tile takes them one after the other, so that each stays in
// registers. The one-token kernels hold the same eight sums in the lanes of an F8: an output has
// the same bits whatever the number of tokens, and the bits that x86 gives.
#ifndef PLUGINS_SPARSE_ARM_PANEL_NEON_H_
#define PLUGINS_SPARSE_ARM_PANEL_NEON_H_

#include "plugins/common/kernels/f32x8.h"
#include "plugins/sparse_arm/activations_neon.h"
#include "plugins/sparse_arm/tile_sums_neon.h"
#include "plugins/sparse_arm/wide_tile_neon.h"

namespace {

struct Panel {
  int8_t* bytes;
  float* scales;
  float* minima;
  float* halves;
};

KL_INLINE uint64_t PanelBytes(int64_t blocks) {
  return (uint64_t)blocks * (512 + 5 * kFactorsOfBlock * sizeof(float));
}
KL_INLINE Panel PanelAt(void* memory, int64_t blocks) {
  Panel panel;
  panel.bytes = (int8_t*)memory;
  panel.scales = (float*)(panel.bytes + blocks * 512);
  panel.minima = panel.scales + blocks * kFactorsOfBlock;
  panel.halves = panel.minima + blocks * kFactorsOfBlock;
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

// Scale and minimum of a row in a block, and the scale of one of its halves.
KL_INLINE void PutScale(const Panel& panel, int64_t block, int64_t row, float scale) {
  PutFactor(panel.scales + block * kFactorsOfBlock, row, scale);
}
KL_INLINE void PutMinimum(const Panel& panel, int64_t block, int64_t row, float minimum) {
  PutFactor(panel.minima + block * kFactorsOfBlock, row, minimum);
}
KL_INLINE void PutHalf(const Panel& panel, int64_t block, int64_t row, int half, int scale) {
  float* halves = panel.halves + 3 * block * kFactorsOfBlock;
  PutFactor(halves + half * kFactorsOfBlock, row, (float)scale);
  if (half == 0) PutFactor(halves + 2 * kFactorsOfBlock, row, -kBiasAsFloat * (float)scale);
}

// sums[v] for a tile of kTokens tokens and the rows from `row` on: block `first`, which exists, and
// every eighth after it.
template <int kTraits, int kTokens>
KL_INLINE void SumEveryEighth(const Panel& panel, int64_t row, int64_t first, int64_t blocks,
                              const ActivationGroup* const* tokens, float* sums) {
  constexpr bool kMinima = (kTraits & kWithMinima) != 0;
  constexpr bool kHalved = (kTraits & kHalvedScales) != 0;
  const int64_t factors_row = row * (kFactorsOfBlock / kPanelRows);
  const int8_t* w = panel.bytes + first * 512 + PanelOffset(row, 0);
  TileFactors factors = {panel.scales + first * kFactorsOfBlock + factors_row,
                         panel.minima + first * kFactorsOfBlock + factors_row,
                         panel.halves + 3 * first * kFactorsOfBlock + factors_row};
#if KL_ARM_DOTPROD
  float32x4_t y[8];
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) y[v] = vdupq_n_f32(0.0f);
  const ActivationGroup* group[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) group[t] = tokens[t];
  FirstRows rows = LoadFirstRows(w);
  int32x4_t integers[8];
  StartTile(integers);
  for (int64_t b = first; b < blocks; b += 8) {
    const int8_t* next = b + 8 < blocks ? w + 8 * 512 : w;
    const int8_t* q[kTokens];
    const float* d[kTokens];
    const float* d_sum[kTokens];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      q[t] = group[t]->natural + 32 * first;
      d[t] = group[t]->d;
      d_sum[t] = group[t]->d_sum;
      ++group[t];
    }
    float32x4_t numbers[8];
    if (kHalved) {
      MultiplyTile<kTokens, 0, 1>(w, next, q, &rows, integers);
      TakeFirstHalves<kTokens>(integers, factors, numbers);
      MultiplyTile<kTokens, 1, 2>(w, next, q, &rows, integers);
    } else {
      MultiplyTile<kTokens, 0, 2>(w, next, q, &rows, integers);
    }
    AddTile<kMinima, kHalved, kTokens>(integers, numbers, factors, d, d_sum, first, y);
    w = next;
    factors.scales += 8 * kFactorsOfBlock;
    factors.minima += 8 * kFactorsOfBlock;
    factors.halves += 24 * kFactorsOfBlock;
  }
  constexpr int kVectors = TileVectors(kTokens);
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) vst1q_f32(sums + 4 * v, y[v]);
#else
  if constexpr ((kTraits & kNarrowWeights) != 0) {
    SumNarrow<kMinima, kHalved, kTokens>(w, factors, first, blocks, tokens, sums);
  } else {
    SumWide<kTokens>(w, factors.scales, first, blocks, tokens, sums);
  }
#endif
}

// y[t][row] for kTokens tokens and 16 rows. kTraits: of WeightTraits.
template <int kTraits, int kTokens>
static inline __attribute__((noinline)) void MultiplyPanelTile(const Panel& panel, int64_t blocks,
                                                               const ActivationGroup* const* tokens,
                                                               float* y) {
  constexpr int kVectors = TileVectors(kTokens);
  for (int64_t row = 0; row < kPanelRows; row += kPanelTileRows) {
    alignas(64) float sums[8][4 * kVectors];
    const int64_t chains = Minimum(8, blocks);
    for (int64_t j = 0; j < chains; ++j) {
      SumEveryEighth<kTraits, kTokens>(panel, row, j, blocks, tokens, sums[j]);
    }
    for (int64_t j = chains; j < 8; ++j) memset(sums[j], 0, sizeof sums[j]);
    float32x4_t total[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      float32x4_t lane[8];
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) lane[j] = vld1q_f32(&sums[j][4 * v]);
      total[v] = vaddq_f32(vaddq_f32(vaddq_f32(lane[0], lane[4]), vaddq_f32(lane[2], lane[6])),
                           vaddq_f32(vaddq_f32(lane[1], lane[5]), vaddq_f32(lane[3], lane[7])));
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
#if KL_ARM_I8MM
      // Two vectors are four rows of both tokens.
      if (v % 2 == 1) continue;
      vst1q_f32(y + 2 * v, vuzp1q_f32(total[v], total[v + 1]));
      if (kTokens == 2) vst1q_f32(y + kPanelRows + 2 * v, vuzp2q_f32(total[v], total[v + 1]));
#else
      vst1q_f32(y + kPanelRows * TokenOf(v) + row + v % (kPanelTileRows / 4) * 4, total[v]);
#endif
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
