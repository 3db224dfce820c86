// Many tokens: the register-blocked product of kEngineRows weight rows with a few tokens.
//
// The rows are first unpacked into a panel, once for all tokens of the batch. With R = kEngineRows:
//   bytes   [block][step 0..7][row][4]          columns 4*step .. 4*step + 3 of the block
//   scales  [block][R] f32, and where the type has them
//   minima  [block][R] f32                      added as minimum * (scale * sum of activations)
//   halves  [block][2][R] int32                 integer scale of columns 0..15 and 16..31; without
//                                               VNNI as two int16
// so that one vector holds 4 columns of as many rows as it has 32-bit lanes, and one broadcast 4
// columns of a token.
//
// Numbers: every output keeps eight partial sums, one for the blocks j, j + 8, j + 16, ...; each
// block adds fma(integer dot product, weight scale * activation scale). They are summed at the end
// in the order of SumAcross. The one-token kernels hold the same eight sums in the lanes of a
// vector: an output has the same bits whatever the number of tokens, and at every level.
#ifndef PLUGINS_SPARSE_X86_PANEL_AVX2_H_
#define PLUGINS_SPARSE_X86_PANEL_AVX2_H_

#include "plugins/common/kernels/isa.h"
#include "plugins/sparse_x86/activations_avx2.h"

namespace {

constexpr int kPanelVectors = (int)kEngineRows / kRowsPerVector;
static_assert(kPanelVectors == 2, "registers of a tile");

// How the bytes of a weight type multiply.
enum PanelKind {
  kUnsigned,  // 0..31 with the offset in the activations' corrections: sums fit 16 bits
  kSigned,    // -128..127: with VNNI unsigned after all, with an offset of 128
  kHalved     // 0..63 with integer scales for each 16 columns
};

struct Panel {
  uint8_t* bytes;
  float* scales;
  float* minima;
  int32_t* halves;
};

KL_INLINE uint64_t PanelBytes(int64_t blocks) {
  return (uint64_t)(blocks * kEngineRows) * (32 + 4 + 4 + 8);
}
KL_INLINE Panel PanelAt(void* memory, int64_t blocks) {
  Panel panel;
  panel.bytes = (uint8_t*)memory;
  panel.scales = (float*)(panel.bytes + blocks * kEngineRows * 32);
  panel.minima = panel.scales + blocks * kEngineRows;
  panel.halves = (int32_t*)(panel.minima + blocks * kEngineRows);
  return panel;
}

// Vector `part` (rows kRowsPerVector * part on) of step `step` of a block, of a block's numbers.
KL_INLINE uint8_t* PanelBytesAt(const Panel& panel, int64_t block, int step, int part) {
  return panel.bytes + ((block * 8 + step) * kEngineRows + part * kRowsPerVector) * 4;
}
KL_INLINE float* PanelNumbersAt(float* numbers, int64_t block, int part) {
  return numbers + block * kEngineRows + part * kRowsPerVector;
}

}  // namespace

#if defined(KL_VNNI)
#include "plugins/sparse_x86/tile_vnni.h"
#else
#include "plugins/sparse_x86/tile_avx2.h"
#endif

namespace {

// y[t][row] of up to kMost tokens.
template <PanelKind kKind, bool kMinima, ActivationOrder kOrder, int kMost>
KL_INLINE void MultiplyTile(const Panel& panel, int64_t blocks,
                            const ActivationGroup* const* tokens, int64_t count, float* y) {
  if constexpr (kMost > 1) {
    if (count < kMost) {
      MultiplyTile<kKind, kMinima, kOrder, kMost - 1>(panel, blocks, tokens, count, y);
      return;
    }
  }
  MultiplyPanel<kKind, kMinima, kOrder, kMost>(panel, blocks, tokens, y);
}

// Calls store(index, y) with the kEngineRows outputs of each of `count` tokens. The last tiles are
// about equal: one token alone would wait for the latency of its additions.
template <PanelKind kKind, bool kMinima, ActivationOrder kOrder, class Store>
KL_INLINE void MultiplyPanelTokens(const Panel& panel, int64_t blocks,
                                   const ActivationGroup* const* tokens, int64_t count,
                                   const Store& store) {
  alignas(64) float y[kPanelTokens * kEngineRows];
  for (int64_t t = 0; t < count;) {
    const int64_t left = count - t;
    const int64_t some = CeilDivide(left, CeilDivide(left, kPanelTokens));
    MultiplyTile<kKind, kMinima, kOrder, kPanelTokens>(panel, blocks, tokens + t, some, y);
    for (int64_t i = 0; i < some; ++i) store(t + i, y + kEngineRows * i);
    t += some;
  }
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_PANEL_AVX2_H_
