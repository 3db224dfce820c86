// Fully connected layers with pruned weights: y[t][n] = bias[n] + sum over k of w[n][k] x[t][k].
//
// One row of x: each output is a chain of fmas over its entries, four outputs in flight. More rows:
// x is transposed into scratch (phase 0), then it is the product over "pixels" of spmm_product.h
// (phase 1), and the result is transposed into y (phase 2). Both add in the order of columns from
// the bias on: a row has the same bits alone and in a batch.
#ifndef PLUGINS_COMMON_KERNELS_SPMM_ROWS_H_
#define PLUGINS_COMMON_KERNELS_SPMM_ROWS_H_

#include <math.h>

#include "plugins/common/kernels/spmm_product.h"
#include "plugins/common/kernels/transpose.h"

namespace {

constexpr int64_t kColumnsPerUnit = 64;  // of a transposition
constexpr int64_t kBlocksPerUnit = 32;   // row blocks of the product with one row

// What run() needs. The scratch holds x transposed, whole vectors of rows for each column, then y
// transposed [rows][count].
struct SpmmRows {
  const float* x;
  const float* bias;  // [rows] or NULL
  float* y;
  int64_t count;  // rows of x
  const SpmmWeights* weights;
};

KL_INLINE uint64_t SpmmRowsScratch(const SpmmWeights& w, int64_t most_rows) {
  if (most_rows <= 1) return 0;
  return (uint64_t)(w.columns * RoundUp(most_rows, kLanes) + w.rows * most_rows) * sizeof(float);
}

KL_INLINE SpmmProduct ProductOf(const SpmmRows& rows) {
  SpmmProduct product =
      ProductOver(rows.weights, rows.count, /*in_order=*/true, /*workers=*/1, -INFINITY, INFINITY);
  // x is transposed into whole vectors.
  product.tiles.packs = product.tiles.by_rows = false;
  product.unit_count = product.tiles.tile_count * product.tiles.split_count;
  product.x_pitch = RoundUp(rows.count, kLanes);
  return product;
}

KL_INLINE void SpmmRowsWork(const SpmmRows& rows, kl_work* work) {
  const SpmmWeights& w = *rows.weights;
  if (rows.count == 1) return OnePhase(work, CeilDivide(w.block_count, kBlocksPerUnit));
  work->phase_count = rows.count > 0 ? 3 : 0;
  work->unit_count[0] = CeilDivide(w.columns, kColumnsPerUnit);
  work->unit_count[1] = ProductOf(rows).unit_count;
  work->unit_count[2] = CeilDivide(w.rows, kColumnsPerUnit);
}

// to[column][row] = from[row][column] for columns [begin, end).
KL_INLINE void TransposeColumns(const float* from, int64_t from_pitch, int64_t row_count,
                                int64_t begin, int64_t end, float* to, int64_t to_pitch) {
  constexpr int64_t kSide = kTransposeSide;
  int64_t row = 0;
  for (; row + kSide <= row_count; row += kSide) {
    int64_t column = begin;
    for (; column + kSide <= end; column += kSide) {
      TransposeSquare(from + row * from_pitch + column, from_pitch, to + column * to_pitch + row,
                      to_pitch);
    }
    for (; column < end; ++column) {
      for (int i = 0; i < kSide; ++i) {
        to[column * to_pitch + row + i] = from[(row + i) * from_pitch + column];
      }
    }
  }
  for (; row < row_count; ++row) {
    for (int64_t column = begin; column < end; ++column) {
      to[column * to_pitch + row] = from[row * from_pitch + column];
    }
  }
}

// Lane b of the result: the entry's row b.
template <int kBlock>
KL_INLINE Quad EntryWeights(const SpmmEntry<kBlock>& entry) {
  if (kBlock == 4) return LoadQuad(entry.weights);
  if (kBlock == 2) return LoadQuad2(entry.weights);
  return LoadQuad1(entry.weights);
}

// Outputs of row blocks [begin, end) of the weights' order for one row of x.
template <int kBlock>
void OneRow(const SpmmRows& rows, int64_t begin, int64_t end) {
  constexpr int kInFlight = 4;
  const SpmmWeights& w = *rows.weights;
  const SpmmEntry<kBlock>* entries = w.entries<kBlock>();
  for (int64_t first = begin; first < end; first += kInFlight) {
    const int64_t count = Minimum(kInFlight, end - first);
    alignas(16) float sums[kInFlight][4] = {};
    for (int64_t i = 0; i < count; ++i) {
      for (int b = 0; b < kBlock; ++b) {
        sums[i][b] = rows.bias != nullptr ? rows.bias[w.order()[first + i] * kBlock + b] : 0.0f;
      }
    }
    Quad sum[kInFlight];
    for (int i = 0; i < kInFlight; ++i) sum[i] = LoadQuad(sums[i]);
    for (int64_t chunk = 0; chunk < w.chunk_count; ++chunk) {
      const uint32_t* starts = w.starts(chunk) + first;
      const float* x = rows.x + chunk * w.chunk;
      int64_t shared = count == kInFlight ? INT64_MAX : 0;
      for (int64_t i = 0; i < count; ++i) {
        shared = Minimum(shared, (int64_t)starts[i + 1] - starts[i]);
      }
      for (int64_t k = 0; k < shared; ++k) {
#pragma GCC unroll 4
        for (int i = 0; i < kInFlight; ++i) {
          const SpmmEntry<kBlock>& entry = entries[starts[i] + k];
          sum[i] = MultiplyAddQuad(EntryWeights(entry), SetQuad(x[entry.column]), sum[i]);
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < kInFlight; ++i) {
        if (i >= count) break;
        for (int64_t k = starts[i] + shared; k < starts[i + 1]; ++k) {
          const SpmmEntry<kBlock>& entry = entries[k];
          sum[i] = MultiplyAddQuad(EntryWeights(entry), SetQuad(x[entry.column]), sum[i]);
        }
      }
    }
    for (int i = 0; i < kInFlight; ++i) StoreQuad(sums[i], sum[i]);
    for (int64_t i = 0; i < count; ++i) {
      for (int b = 0; b < kBlock; ++b) rows.y[w.order()[first + i] * kBlock + b] = sums[i][b];
    }
  }
}

KL_INLINE void RunSpmmRows(const SpmmRows& rows, const kl_run* run) {
  const SpmmWeights& w = *rows.weights;
  if (rows.count == 1) {
    const int64_t first = run->begin * kBlocksPerUnit;
    const int64_t last = Minimum(w.block_count, run->end * kBlocksPerUnit);
    if (w.block == 4) return OneRow<4>(rows, first, last);
    if (w.block == 2) return OneRow<2>(rows, first, last);
    return OneRow<1>(rows, first, last);
  }
  float* x = (float*)run->scratch;
  const int64_t x_pitch = RoundUp(rows.count, kLanes);
  float* y = x + (int64_t)w.columns * x_pitch;
  const int64_t begin = run->begin * kColumnsPerUnit;
  if (run->phase == 0) {
    TransposeColumns(rows.x, w.columns, rows.count, begin,
                     Minimum(w.columns, run->end * kColumnsPerUnit), x, x_pitch);
  } else if (run->phase == 1) {
    RunUnits(ProductOf(rows), x, rows.bias, y, run->begin, run->end, /*packed=*/nullptr);
  } else {
    // y transposed [rows][count] is read in columns of its rows: outputs [first, last) of every
    // row.
    const int64_t last = Minimum(w.rows, run->end * kColumnsPerUnit);
    TransposeColumns(y + begin * rows.count, rows.count, last - begin, 0, rows.count,
                     rows.y + begin, w.rows);
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_SPMM_ROWS_H_
