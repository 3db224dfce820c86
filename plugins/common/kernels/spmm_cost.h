// Whether a pruned product is faster sparse or dense: clock cycles of one thread, estimated.
//
// A row block in a tile of w vectors costs, for each entry, what its loads (w + block) and its
// block x w fmas need, two of each in a cycle, but no less than the latency of a chain of fmas; and
// a constant for its start, its end and a mispredicted branch, once in each chunk. Pixels that do
// not fit the L1 cache cost a third more. Copying a tile costs a load and a store a vector.
// The dense product does 14.5 multiplications a cycle over whole vectors, with AVX-512 27
// (dense_tile.h, oneDNN).
//
// Constants were fitted on Zen 3 and, for AVX-512, on Zen 5; NEON's dense rate is two of its smaller
// vectors a cycle, less the same share, and was not measured; spmm_choice_test compares the choice
// with the clock.
#ifndef PLUGINS_COMMON_KERNELS_SPMM_COST_H_
#define PLUGINS_COMMON_KERNELS_SPMM_COST_H_

#include "plugins/common/kernels/spmm_plan.h"

namespace {

constexpr double kFmaLatency = 4.0;
constexpr double kCyclesPerBlock = 45.0;
constexpr double kEntryOverhead = 1.15;
constexpr double kOutOfL1 = 1.35;
constexpr double kL1Bytes = 32 << 10;
constexpr double kDensePerCycle = kLanes == 16 ? 27.0 : kLanes == 4 ? 6.5 : 14.5;
// A choice that is nearly even goes to the dense product: it needs no second copy of its indices.
// On ARM, whose constants were not measured, that is a wider range.
constexpr double kSparseMargin = kLanes == 4 ? 1.25 : 1.1;

KL_INLINE double LargerOf(double a, double b) { return a > b ? a : b; }

KL_INLINE double SparseCycles(const SpmmSource& w, const SpmmCount& count, int64_t pixels,
                              bool in_order) {
  const SpmmLayout layout = ChooseLayout(w, count);
  SpmmWeights shape = {};
  shape.rows = (uint32_t)w.rows;
  shape.columns = (uint32_t)w.columns;
  shape.block = (uint32_t)kSpmmBlocks[layout.block_index];
  shape.chunk = (uint32_t)layout.chunk;
  shape.chunk_count = (uint32_t)SpmmChunkCount(w.columns, layout.chunk);
  shape.block_count = shape.rows / shape.block;
  shape.entry_count = (uint64_t)count.entries[layout.block_index];
  const SpmmTiles tiles = ChooseTiles(shape, pixels, in_order);
  const double vectors = (double)CeilDivide(pixels, kLanes);
  const double width = vectors / (double)tiles.tile_count;
  const double loads = (width + shape.block) / 2, fmas = width * shape.block / 2;
  double entry = LargerOf(LargerOf(loads, fmas) * kEntryOverhead,
                          tiles.two_sets ? kFmaLatency / 2 : kFmaLatency);
  const double columns = (double)Minimum(shape.chunk, shape.columns);
  if (columns * width * kLanes * sizeof(float) > kL1Bytes) entry *= kOutOfL1;
  const double blocks = (double)shape.block_count * shape.chunk_count * kCyclesPerBlock;
  const double copies = tiles.packs ? vectors * (double)w.columns * 1.5 : 0.0;
  return (double)tiles.tile_count * ((double)shape.entry_count * entry + blocks) + copies;
}

KL_INLINE double DenseCycles(const SpmmSource& w, int64_t pixels) {
  const double vectors = (double)CeilDivide(pixels, kLanes);
  return (double)w.rows * (double)w.columns * vectors * kLanes / kDensePerCycle;
}

// Of a product over `pixels` pixels.
KL_INLINE bool SparsePays(const SpmmSource& w, const SpmmCount& count, int64_t pixels) {
  if (pixels < 1) return false;
  return SparseCycles(w, count, pixels, false) * kSparseMargin < DenseCycles(w, pixels);
}

// Of a fully connected layer for `rows` rows. One row reads the weights once: 4 bytes a weight
// dense, 8 and an indirect load an entry sparse. More rows are transposed there and back.
constexpr double kOneRowShare = 0.35;
constexpr double kTransposeCycles = 1.0;  // an element

KL_INLINE bool SparseRowsPay(const SpmmSource& w, int64_t rows) {
  if (rows < 1) return false;
  const SpmmCount count = CountSpmm(w);
  if (rows == 1) return NonzeroShare(w, count) <= kOneRowShare;
  const double transposed = (double)((w.rows + w.columns) * rows) * kTransposeCycles;
  const double sparse = SparseCycles(w, count, rows, true) + transposed;
  return sparse * kSparseMargin < (double)(w.rows * w.columns * rows) / kDensePerCycle;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_SPMM_COST_H_
