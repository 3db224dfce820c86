// Makes the coarse copy of a weight matrix; see coarse.h.
#ifndef PLUGINS_COMMON_KERNELS_COARSE_PACK_H_
#define PLUGINS_COMMON_KERNELS_COARSE_PACK_H_

#include "plugins/common/kernels/coarse.h"

namespace {

// Longest row; its codes are gathered on the stack.
constexpr int64_t kMostCoarseColumns = 8192;

// Of one number, without a call for negative ones.
KL_INLINE float SquareRoot(float value) { return FirstLane(SquareRoot(Splat8(value))); }

// 32 columns, less the row's mean.
struct CoarseBlock {
  F8 v[4];
};

KL_INLINE CoarseBlock LoadCoarseBlock(const float* w, float mean) {
  CoarseBlock block;
  for (int i = 0; i < 4; ++i) block.v[i] = Load8(w + 8 * i) - Splat8(mean);
  return block;
}

// All ones where 3 is nearer to size / step than 1.
KL_INLINE F8 IsOuter(F8 size, F8 two_steps) { return Below8(two_steps, size); }

// The step of one block: half the root mean square (near the best for normal numbers), then the
// best one for the codes that this gives.
KL_INLINE float BestStep(const CoarseBlock& block) {
  F8 squares = Zero8();
  for (int i = 0; i < 4; ++i) squares = MultiplyAdd(block.v[i], block.v[i], squares);
  const float first = 0.5f * SquareRoot(SumAcross(squares) / 32.0f);
  F8 products = Zero8();
  F8 codes = Zero8();
  for (int i = 0; i < 4; ++i) {
    const F8 size = Absolute(block.v[i]);
    const F8 code = Select(IsOuter(size, Splat8(2.0f * first)), Splat8(3.0f), Splat8(1.0f));
    products = MultiplyAdd(size, code, products);
    codes = MultiplyAdd(code, code, codes);
  }
  return SumAcross(products) / SumAcross(codes);
}

// What one row's codes leave.
struct CoarseLoss {
  float squares;   // sum of residual^2
  float with_row;  // sum of residual * w, of the row less its mean
  float row;       // sum of w^2, of the row less its mean
  float sum;       // of residuals
};

// The codes of one block, (c + 3) / 2 in columns' order, four to a byte; adds to the loss.
KL_INLINE void CodeBlock(const CoarseBlock& block, float step, uint8_t* bytes, CoarseLoss* loss) {
  // What (c + 3) / 2 weighs in two bytes of four columns.
  alignas(32) static constexpr float kPlaces[8] = {1, 4, 16, 64, 256, 1024, 4096, 16384};
  const F8 places = Load8(kPlaces);
  F8 squares = Zero8();
  F8 with_row = squares;
  F8 row = squares;
  F8 sum = squares;
  for (int i = 0; i < 4; ++i) {
    const F8 v = block.v[i];
    const F8 outer = IsOuter(Absolute(v), Splat8(2.0f * step));
    const F8 negative = Below8(v, Zero8());
    const F8 code = Select(outer, Select(negative, Splat8(-3.0f), Splat8(3.0f)),
                           Select(negative, Splat8(-1.0f), Splat8(1.0f)));
    const F8 residual = MultiplyAdd(code, Splat8(-step), v);
    squares = MultiplyAdd(residual, residual, squares);
    with_row = MultiplyAdd(residual, v, with_row);
    row = MultiplyAdd(v, v, row);
    sum = residual + sum;
    const F8 field = MultiplyAdd(code, Splat8(0.5f), Splat8(1.5f));
    StoreU16(bytes + 2 * i, (uint16_t)SumAcross(field * places));
  }
  loss->squares += SumAcross(squares);
  loss->with_row += SumAcross(with_row);
  loss->row += SumAcross(row);
  loss->sum += SumAcross(sum);
}

// One row's part of a tile. Codes go to `bytes` [columns / 4], everything else into the tile.
static inline void PackCoarseRow(const float* w, int64_t groups, int row, uint8_t* bytes,
                                 uint8_t* tile) {
  const int64_t columns = groups * 256;
  F8 sums = Zero8();
  for (int64_t k = 0; k < columns; k += 8) sums = Load8(w + k) + sums;
  const float mean = SumAcross(sums) / (float)columns;
  float steps[kMostCoarseColumns / 32];
  float largest = 0.0f;
  for (int64_t b = 0; b < 8 * groups; ++b) {
    steps[b] = BestStep(LoadCoarseBlock(w + 32 * b, mean));
    largest = steps[b] > largest ? steps[b] : largest;
  }
  const float unit = largest / 255.0f;
  const float inverse = unit > 0.0f ? 1.0f / unit : 0.0f;
  CoarseLoss all = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int64_t g = 0; g < groups; ++g) {
    CoarseGroup* group = (CoarseGroup*)(tile + (uint64_t)g * sizeof(CoarseGroup));
    CoarseLoss loss = {0.0f, 0.0f, 0.0f, 0.0f};
    float step_squares = 0.0f;
    for (int64_t j = 0; j < 8; ++j) {
      const int64_t b = 8 * g + j;
      const int step = (int)(steps[b] * inverse + 0.5f);
      group->steps[j / 2][2 * row + j % 2] = (uint8_t)step;
      step_squares += (float)(step * step);
      CodeBlock(LoadCoarseBlock(w + 32 * b, mean), (float)step * unit, bytes + 8 * b, &loss);
    }
    const float squares = loss.squares / 256.0f * inverse * inverse;
    const float least = 0.3f * step_squares / 8.0f;
    // Up: a half has 11 bits.
    const float deviation = 1.001f * SquareRoot(squares > least ? squares : least);
    group->deviations[row] = FloatToHalf(deviation);
    all.squares += loss.squares;
    all.with_row += loss.with_row;
    all.row += loss.row;
    all.sum += loss.sum;
  }
  CoarseRows* rows = (CoarseRows*)(tile + (uint64_t)groups * sizeof(CoarseGroup));
  rows->units[row] = unit;
  rows->means[row] = mean;
  // Of a vector along the row less its mean, and of one along the row: residual / estimate.
  const float centred = all.row - all.with_row;
  const float mean_part = (float)columns * mean * mean;
  const float whole = all.row + mean_part - all.with_row - mean * all.sum;
  float alignment = centred > 0.0f ? all.with_row / centred : 0.0f;
  const float other = whole > 0.0f ? (all.with_row + mean * all.sum) / whole : 0.0f;
  alignment = other > alignment ? other : alignment;
  rows->alignments[row] = alignment > 0.0f ? alignment : 0.0f;
}

// `row(i, w)` writes row i (0..31) of the tile as `columns` floats.
template <class Row>
KL_INLINE void PackCoarseTile(int64_t columns, float* w, uint8_t* bytes, const Row& row,
                              uint8_t* tile) {
  const int64_t groups = columns / 256;
  for (int i = 0; i < (int)kCoarseTileRows; ++i) {
    row(i, w);
    PackCoarseRow(w, groups, i, bytes + (int64_t)i * (columns / 4), tile);
  }
  for (int64_t g = 0; g < groups; ++g) {
    CoarseGroup* group = (CoarseGroup*)(tile + (uint64_t)g * sizeof(CoarseGroup));
    uint8_t* codes = &group->codes[0][0][0];
    for (int64_t v = 0; v < 64; ++v) {
      for (int p = 0; p < 32; ++p) {
        codes[32 * v + p] = bytes[(int64_t)RowOfByte(p) * (columns / 4) + 64 * g + v];
      }
    }
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_COARSE_PACK_H_
