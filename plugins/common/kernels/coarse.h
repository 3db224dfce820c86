// A coarse copy of a weight matrix, two bits a weight, from which every product of a vector can be
// estimated with a known error.
//
// Row n is  w = mean + step_b * c + residual,  c in {-3, -1, 1, 3}, for blocks b of 32 columns; the
// steps are those that leave the smallest residual, as multiples of the row's unit. Then
//   estimate = unit * sum over b of (step_b / unit) * sum of c * x  +  mean * sum of x
//   variance = unit^2 * sum over groups of 256 columns of deviation^2 * sum of x^2
// with `deviation` the residual's root mean square in units. The residual is taken as independent
// of x, which it is not where x points along the row: `alignment` is its share of the estimate
// then.
//
// 32 rows are one tile, and a lane of a vector is a row: no sums across lanes. A byte holds four
// columns of a row; a nibble, two columns, is looked up among the 16 values that c0 x0 + c1 x1 can
// take, rounded to integers of at most 15, eight of which fit the signed byte that adds them up
// (the idea of T-MAC, Wei et al. 2024, arXiv:2407.00088). The rounding is part of the variance.
//
//   tile:   groups of 256 columns, then units [32] f32, means [32] f32, alignments [32] f32
//   group:  8 blocks of 8 vectors of 32 bytes; 4 pairs of blocks of [32 rows][2] steps u8;
//           deviations [32] f16
//   vector v of a block, byte p: columns 4v .. 4v + 3 of row RowOfByte(p), two bits each,
//   (c + 3) / 2
//
// An instruction set looks up and adds (coarse_avx2.h, coarse_neon.h):
//   SumGroup(group, tables' entries, ahead, sums)   sums[v]: of rows 8v .. 8v + 7; exact whole
//                                                   numbers. Fetches sizeof(CoarseGroup) bytes at
//                                                   `ahead` meanwhile
// The sums are exact and all else is F8: estimates have the same bits on every processor.
#ifndef PLUGINS_COMMON_KERNELS_COARSE_H_
#define PLUGINS_COMMON_KERNELS_COARSE_H_

#include <stddef.h>

#include "plugins/common/kernels/f32x8.h"

namespace {

constexpr int64_t kCoarseTileRows = 32;
constexpr float kMostLookedUp = 15.0f;

struct CoarseGroup {
  uint8_t codes[8][8][32];  // block, vector, byte
  uint8_t steps[4][64];     // pair of blocks; row, block of the pair
  uint16_t deviations[32];
};
static_assert(sizeof(CoarseGroup) == 37 * 64, "whole cache lines");

// Behind a tile's groups.
struct CoarseRows {
  float units[32];
  float means[32];
  float alignments[32];
};

KL_INLINE uint64_t CoarseTileBytes(int64_t groups) {
  return (uint64_t)groups * sizeof(CoarseGroup) + sizeof(CoarseRows);
}

// Unpacking a tile's sums interleaves them in AVX2: the 16-bit and then the 32-bit lanes of one
// result vector are eight rows that follow each other. In NEON each half of a vector has every
// other four of them.
KL_INLINE int RowOfByte(int p) { return 8 * (p % 16 / 4) + 4 * (p / 16) + p % 4; }

// ---- the vector ----

// 256 columns of x as tables: entry i of table t is round(scale * (c0 x[2t] + c1 x[2t + 1])) with
// c0 = 2 (i % 4) - 3, c1 = 2 (i / 4) - 3.
struct alignas(64) CoarseTables {
  int8_t entries[128][16];
  float inverse_scale;
  float squares;  // sum of x^2, and what the rounding adds to it
  float sum;      // of x
};

// Nonsense in x (NaN, infinity) makes the estimates NaN.
static inline void MakeCoarseTables(const float* x, CoarseTables* tables) {
  F8 largest = Zero8();
  F8 squares = Zero8();
  F8 sums = Zero8();
  for (int k = 0; k < 256; k += 8) {
    const F8 v = Load8(x + k);
    const F8 size = Absolute(v);
    largest = Maximum(size + SwapPairs(size), largest);
    squares = MultiplyAdd(v, v, squares);
    sums = v + sums;
  }
  const float most = 3.0f * MaximumAcross(largest);
  const float scale = most > 0.0f ? kMostLookedUp / most : 0.0f;
  tables->inverse_scale = most / kMostLookedUp;
  // Rounding an entry: variance 1/12 / scale^2, times step^2, 128 entries; a residual's variance is
  // at least 0.3 step^2 (PackCoarseTile).
  tables->squares =
      SumAcross(squares) + 128.0f / (12.0f * 0.3f) * tables->inverse_scale * tables->inverse_scale;
  tables->sum = SumAcross(sums);
  alignas(32) static constexpr float kFirst[8] = {-3, -1, 1, 3, -3, -1, 1, 3};
  alignas(32) static constexpr float kLow[8] = {-3, -3, -3, -3, -1, -1, -1, -1};
  alignas(32) static constexpr float kHigh[8] = {1, 1, 1, 1, 3, 3, 3, 3};
  const F8 first = Load8(kFirst);
  const F8 low = Load8(kLow);
  const F8 high = Load8(kHigh);
  for (int t = 0; t < 128; ++t) {
    const F8 x0 = first * Splat8(scale * x[2 * t]);
    const F8 x1 = Splat8(scale * x[2 * t + 1]);
    StoreBytes16(tables->entries[t], MultiplyAdd(low, x1, x0), MultiplyAdd(high, x1, x0));
  }
}

// Estimates of 32 rows and the variances of their errors. Returns the rows' alignments.
template <class Sums>
static inline const float* EstimateTile(const uint8_t* tile, int64_t groups,
                                        const CoarseTables* tables, float* estimates,
                                        float* variances) {
  F8 estimate[4];
  F8 variance[4];
  for (int v = 0; v < 4; ++v) estimate[v] = variance[v] = Zero8();
  float x_sum = 0.0f;
  for (int64_t g = 0; g < groups; ++g, tile += sizeof(CoarseGroup), ++tables) {
    const CoarseGroup* group = (const CoarseGroup*)tile;
    x_sum += tables->sum;
    F8 sum[4];
    Sums::SumGroup(*group, tables->entries, tile + kCoarseAhead, sum);
    const F8 inverse_scale = Splat8(tables->inverse_scale);
    const F8 squares = Splat8(tables->squares);
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const F8 deviation = LoadHalf8(group->deviations + 8 * v);
      estimate[v] = MultiplyAdd(sum[v], inverse_scale, estimate[v]);
      variance[v] = MultiplyAdd(deviation * deviation, squares, variance[v]);
    }
  }
  const CoarseRows* rows = (const CoarseRows*)tile;
  for (int v = 0; v < 4; ++v) {
    const F8 unit = Load8(rows->units + 8 * v);
    const F8 mean = Load8(rows->means + 8 * v) * Splat8(x_sum);
    Store8(estimates + 8 * v, MultiplyAdd(unit, estimate[v], mean));
    Store8(variances + 8 * v, unit * unit * variance[v]);
  }
  return rows->alignments;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_COARSE_H_
