// Y = W X for pruned W: a tile of pixels (columns of Y) at a time, all or some rows of Y.
//
//   Y[row][p] = clamp(bias[row] + sum over entries of row of weight * X[column][p])
//
// A tile is up to kWidth vectors of pixels; kBlock rows x kWidth vectors of sums stay in registers
// while the row block's entries stream by: one broadcast, then a load and an fma for each vector.
// Each pixel adds its entries in the order of columns, from the bias on, whatever the tile's width:
// results do not depend on how work is shared out. Two sets of sums (kSets) hide the latency of an
// fma where a tile is narrow; there even and odd entries of a chunk are summed apart.
#ifndef PLUGINS_COMMON_KERNELS_SPMM_TILE_H_
#define PLUGINS_COMMON_KERNELS_SPMM_TILE_H_

#include "plugins/common/kernels/spmm_weights.h"
#include "plugins/common/kernels/vector.h"

namespace {

// One pass over a chunk of columns.
struct SpmmPass {
  const SpmmWeights* weights;
  int64_t chunk_index;
  const float* x;       // the chunk's first column, the tile's first pixel
  int64_t x_pitch;      // floats from one column of X to the next
  float* y;             // row 0, the tile's first pixel
  int64_t y_pitch;      // floats from one row of Y to the next
  const float* bias;    // [rows] or NULL
  float low, high;      // clamp
  int64_t last_pixels;  // in the tile's last vector, 1 .. kLanes
};

template <int kWidth, int kBlock, int kSets>
KL_INLINE void SpmmBlock(const SpmmPass& pass, const SpmmEntry<kBlock>* entry,
                         const SpmmEntry<kBlock>* end, int64_t row, bool first, bool last,
                         Mask mask, Vector low, Vector high) {
  Vector sum[kSets][kBlock][kWidth];
  float* y = pass.y + row * pass.y_pitch;
#pragma GCC unroll 4
  for (int b = 0; b < kBlock; ++b) {
    const float* from = y + b * pass.y_pitch;
    const float bias = first && pass.bias != nullptr ? pass.bias[row + b] : 0.0f;
#pragma GCC unroll 24
    for (int v = 0; v < kWidth; ++v) {
      sum[0][b][v] = first             ? SetVector(bias)
                     : v == kWidth - 1 ? LoadMasked(from + v * kLanes, mask)
                                       : LoadVector(from + v * kLanes);
      if (kSets == 2) sum[kSets - 1][b][v] = SetVector(0.0f);
    }
  }
  const float* const x = pass.x;
  const int64_t pitch = pass.x_pitch;
  for (; entry + kSets <= end; entry += kSets) {
#pragma GCC unroll 2
    for (int s = 0; s < kSets; ++s) {
      const float* column = x + (int64_t)entry[s].column * pitch;
      Vector pixels[kWidth];
      if (kBlock > 1) {
#pragma GCC unroll 24
        for (int v = 0; v < kWidth; ++v) pixels[v] = LoadVector(column + v * kLanes);
      }
#pragma GCC unroll 4
      for (int b = 0; b < kBlock; ++b) {
        const Vector weight = SetVector(entry[s].weights[b]);
#pragma GCC unroll 24
        for (int v = 0; v < kWidth; ++v) {
          const Vector pixel = kBlock > 1 ? pixels[v] : LoadVector(column + v * kLanes);
          sum[s][b][v] = MultiplyAdd(weight, pixel, sum[s][b][v]);
        }
      }
    }
  }
  if (kSets == 2 && entry < end) {
    const float* column = x + (int64_t)entry->column * pitch;
#pragma GCC unroll 4
    for (int b = 0; b < kBlock; ++b) {
      const Vector weight = SetVector(entry->weights[b]);
#pragma GCC unroll 24
      for (int v = 0; v < kWidth; ++v) {
        sum[0][b][v] = MultiplyAdd(weight, LoadVector(column + v * kLanes), sum[0][b][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int b = 0; b < kBlock; ++b) {
    float* to = y + b * pass.y_pitch;
#pragma GCC unroll 24
    for (int v = 0; v < kWidth; ++v) {
      Vector result = sum[0][b][v];
      if (kSets == 2) result = AddVectors(result, sum[kSets - 1][b][v]);
      if (last) result = ClampVector(low, high, result);
      if (v == kWidth - 1) {
        StoreMasked(to + v * kLanes, mask, result);
      } else {
        StoreVector(to + v * kLanes, result);
      }
    }
  }
}

// Row blocks [begin, end) of the weights' order.
template <int kWidth, int kBlock, int kSets>
__attribute__((noinline)) void SpmmTile(const SpmmPass& pass, int64_t begin, int64_t end) {
  const SpmmWeights& weights = *pass.weights;
  const uint32_t* order = weights.order();
  const uint32_t* starts = weights.starts(pass.chunk_index);
  const SpmmEntry<kBlock>* entries = weights.entries<kBlock>();
  const bool first = pass.chunk_index == 0, last = pass.chunk_index + 1 == weights.chunk_count;
  const Mask mask = FirstMask(pass.last_pixels);
  const Vector low = SetVector(pass.low), high = SetVector(pass.high);
  for (int64_t i = begin; i < end; ++i) {
    SpmmBlock<kWidth, kBlock, kSets>(pass, entries + starts[i], entries + starts[i + 1],
                                     (int64_t)order[i] * kBlock, first, last, mask, low, high);
  }
}

typedef void (*SpmmTileFunction)(const SpmmPass&, int64_t, int64_t);

// Widest tiles: sums, and with blocks pixels, fill the sixteen (AVX-512, NEON: 32) registers.
constexpr int kSpmmWidest1 = kVectorRegisters == 32 ? 24 : 13;
constexpr int kSpmmWidest2 = kVectorRegisters == 32 ? 10 : 6;
constexpr int kSpmmWidest4 = kVectorRegisters == 32 ? 6 : 3;
constexpr int kSpmmTwoSetsWidest = 4;

// The tile functions of widths 1 .. kWidest.
template <int kBlock, int kSets, int kWidest>
struct SpmmTileTable {
  SpmmTileFunction functions[kWidest];

  constexpr SpmmTileTable() : functions() { Fill<kWidest>(); }

 private:
  template <int kWidth>
  constexpr void Fill() {
    functions[kWidth - 1] = SpmmTile<kWidth, kBlock, kSets>;
    if constexpr (kWidth > 1) Fill<kWidth - 1>();
  }
};
constexpr SpmmTileTable<1, 1, kSpmmWidest1> kSpmmTiles1;
constexpr SpmmTileTable<2, 1, kSpmmWidest2> kSpmmTiles2;
constexpr SpmmTileTable<4, 1, kSpmmWidest4> kSpmmTiles4;
constexpr SpmmTileTable<1, 2, kSpmmTwoSetsWidest> kSpmmTwoSets;

KL_INLINE SpmmTileFunction TileFunction(int64_t width, uint32_t block, bool two_sets) {
  if (block == 4) return kSpmmTiles4.functions[width - 1];
  if (block == 2) return kSpmmTiles2.functions[width - 1];
  return two_sets ? kSpmmTwoSets.functions[width - 1] : kSpmmTiles1.functions[width - 1];
}

// A tile's pixels of `columns` columns of X side by side: packed[column][width * kLanes], the last
// vector filled up with zeros. Fetches the tile behind it, whose pixels lie next to these, ahead.
KL_INLINE void PackPixels(const float* x, int64_t x_pitch, int64_t columns, int64_t width,
                          int64_t last_pixels, float* packed) {
  const Mask mask = FirstMask(last_pixels);
  for (int64_t k = 0; k < columns; ++k, x += x_pitch, packed += width * kLanes) {
    for (int64_t v = 0; v < width; ++v) Prefetch(x + (width + v) * kLanes);
    for (int64_t v = 0; v + 1 < width; ++v) {
      StoreVector(packed + v * kLanes, LoadVector(x + v * kLanes));
    }
    StoreVector(packed + (width - 1) * kLanes, LoadMasked(x + (width - 1) * kLanes, mask));
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_SPMM_TILE_H_
