// How a pruned product is computed: the layout of its weights, the tiles of its pixels.
//
// The rules come from measurements, for AVX2 on Zen 3, for AVX-512 on Zen 5
// (plugins/sparse_x86/README.md); those for NEON follow from its registers and an L1 cache of 32
// KiB and were not measured. Nothing depends on the number of threads.
#ifndef PLUGINS_COMMON_KERNELS_SPMM_PLAN_H_
#define PLUGINS_COMMON_KERNELS_SPMM_PLAN_H_

#include "plugins/common/kernels/spmm_tile.h"

namespace {

// ---- of the weights alone: what pack() writes ----

struct SpmmLayout {
  int block_index;  // into kSpmmBlocks
  int64_t chunk;
};

// Blocks whose slots are mostly weights: as many multiplications, a fraction of the loads.
constexpr double kSpmmFull = 0.9;
// With few columns a row block has few entries, and sixteen registers hold wide tiles of single
// rows, which are faster then.
constexpr int64_t kSpmmNarrow = kLanes == 8 ? 96 : 0;
// AVX2: a tile of 128 columns fits the L1 cache with room for entries and sums.
constexpr int64_t kSpmmChunk = 128;
constexpr int64_t kSpmmUnchunked = 192;
// AVX-512: the L2 cache delivers most of a vector a cycle, and longer chunks cost fewer round trips
// of Y; of these, as few as there are of at most so many columns.
constexpr int64_t kSpmmLongChunk1 = 192, kSpmmLongChunk4 = 512;

KL_INLINE bool BlockIsFull(const SpmmSource& w, const SpmmCount& count, int block_index) {
  const int64_t block = kSpmmBlocks[block_index];
  return w.rows % block == 0 &&
         (double)count.nonzeros >= kSpmmFull * (double)(block * count.entries[block_index]);
}

KL_INLINE double NonzeroShare(const SpmmSource& w, const SpmmCount& count) {
  const double all = (double)w.rows * (double)w.columns;
  return all > 0 ? (double)count.nonzeros / all : 0.0;
}

// Columns of a chunk.
KL_INLINE int64_t ChunkOf(int64_t columns, int block_index, double share) {
  if (kLanes == 16) {
    const int64_t most = block_index == 0 ? kSpmmLongChunk1 : kSpmmLongChunk4;
    return CeilDivide(Maximum(1, columns), CeilDivide(Maximum(1, columns), most));
  }
  // Chunks cost a round trip of Y each: few entries a chunk do not pay for it.
  return columns > kSpmmUnchunked && share > 0.15 ? kSpmmChunk : Maximum(1, columns);
}

KL_INLINE SpmmLayout ChooseLayout(const SpmmSource& w, const SpmmCount& count) {
  SpmmLayout layout = {0, 0};
  if (w.columns > kSpmmNarrow) {
    if (BlockIsFull(w, count, 2)) {
      layout.block_index = 2;
    } else if (BlockIsFull(w, count, 1)) {
      layout.block_index = 1;
    }
  }
  layout.chunk = ChunkOf(w.columns, layout.block_index, NonzeroShare(w, count));
  return layout;
}

// Names for the host: nodes whose weights have one layout share the copy.
KL_INLINE const char* LayoutName(const SpmmLayout& layout, int64_t columns) {
  static const char* const kNames[3][3] = {
      {"spmm_f32_1", "spmm_f32_1_chunks", "spmm_f32_1_long_chunks"},
      {"spmm_f32_2", "spmm_f32_2_chunks", "spmm_f32_2_long_chunks"},
      {"spmm_f32_4", "spmm_f32_4_chunks", "spmm_f32_4_long_chunks"}};
  return kNames[layout.block_index][layout.chunk >= columns ? 0 : kLanes == 16 ? 2 : 1];
}

// ---- of the weights and the number of pixels ----

struct SpmmTiles {
  int64_t width;        // vectors of pixels in a tile at most
  int64_t tile_count;   // tiles are as even as whole vectors allow
  int64_t split_count;  // pieces of the row blocks: units of a tile
  bool packs;           // copies a tile's pixels side by side before each pass over them
  // Units are not tiles but pieces of the row blocks, one for each worker, which first copies all
  // of X, with whole vectors of pixels in each row, for itself.
  bool by_rows;
  bool two_sets;
};

constexpr int64_t kSpmmUnits = 16;  // at least so many units, where there are row blocks enough

#if defined(__AVX512F__)

// Pixels that lie in whole vectors are read where they are.
KL_INLINE SpmmTiles TilesAtMost(const SpmmWeights& w, int64_t pixels, bool) {
  SpmmTiles tiles = {};
  tiles.packs = pixels % kLanes != 0;
  tiles.width = w.block == 4      ? kSpmmWidest4
                : w.block == 2    ? kSpmmWidest2
                : w.columns <= 32 ? 20
                : w.columns <= 64 ? 10
                                  : 7;
  return tiles;
}

#else

KL_INLINE SpmmTiles TilesAtMost(const SpmmWeights& w, int64_t pixels, bool in_order) {
  SpmmTiles tiles = {};
  const double share =
      (double)w.entry_count / Maximum(1, (int64_t)w.block_count * (int64_t)w.columns);
  // How often a pixel of X is read.
  const double reads = (double)w.entry_count / (double)Maximum(1, w.columns);
  if (w.block == 4) {
    tiles.width = kSpmmWidest4;
  } else if (w.block == 2) {
    tiles.width = kSpmmWidest2;
  } else if (kLanes == 4) {
    // 128 columns of 48 pixels are 24 KiB.
    tiles.width = w.columns <= 64 ? 20 : 12;
  } else if (w.columns <= 128) {
    tiles.width = kSpmmWidest1;
  } else if (w.columns <= kSpmmUnchunked || w.chunk < w.columns) {
    tiles.width = 8;
  } else if (share > 0.08) {
    tiles.width = 4;
    tiles.two_sets = !in_order;
  } else {
    tiles.width = 8;
  }
  // Loads from X itself may touch what lies behind its last pixel.
  tiles.packs = reads >= 16 || pixels % kLanes != 0;
  return tiles;
}

#endif

KL_INLINE SpmmTiles ChooseTiles(const SpmmWeights& w, int64_t pixels, bool in_order) {
  SpmmTiles tiles = TilesAtMost(w, pixels, in_order);
  const int64_t vectors = CeilDivide(pixels, kLanes);
  tiles.width = Minimum(tiles.width, Maximum(1, vectors));
  tiles.tile_count = CeilDivide(vectors, tiles.width);
  tiles.split_count =
      Maximum(1, Minimum(CeilDivide(kSpmmUnits, Maximum(1, tiles.tile_count)), w.block_count));
  if (tiles.split_count == 1) return tiles;
  // Every piece of a tile would copy it again. Where rows of Y end within a cache line, two workers
  // in one row would hand that line to and fro.
  tiles.packs = false;
  tiles.by_rows = pixels % kLanes != 0;
  return tiles;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_SPMM_PLAN_H_
