// Makes the coarse copy of a weight matrix; see coarse_avx2.h.
#ifndef PLUGINS_SPARSE_X86_COARSE_PACK_AVX2_H_
#define PLUGINS_SPARSE_X86_COARSE_PACK_AVX2_H_

#include "plugins/sparse_x86/coarse_avx2.h"

namespace {

// Longest row; its codes are gathered on the stack.
constexpr int64_t kMostCoarseColumns = 8192;

// 32 columns, less the row's mean.
struct CoarseBlock {
  __m256 v[4];
};

KL_INLINE CoarseBlock LoadCoarseBlock(const float* w, float mean) {
  CoarseBlock block;
  for (int i = 0; i < 4; ++i) {
    block.v[i] = _mm256_sub_ps(_mm256_loadu_ps(w + 8 * i), _mm256_set1_ps(mean));
  }
  return block;
}

// 1 or 3: which of both is nearer to |v| / step.
KL_INLINE __m256 CoarseSize(__m256 size, __m256 two_steps) {
  const __m256 outer = _mm256_cmp_ps(size, two_steps, _CMP_GT_OQ);
  return _mm256_blendv_ps(_mm256_set1_ps(1.0f), _mm256_set1_ps(3.0f), outer);
}

// The step of one block: half the root mean square (near the best for normal numbers), then the
// best one for the codes that this gives.
KL_INLINE float BestStep(const CoarseBlock& block) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 squares = _mm256_setzero_ps();
  for (int i = 0; i < 4; ++i) squares = _mm256_fmadd_ps(block.v[i], block.v[i], squares);
  const float first = 0.5f * __builtin_sqrtf(SumAcross(squares) / 32.0f);
  __m256 products = _mm256_setzero_ps();
  __m256 codes = _mm256_setzero_ps();
  for (int i = 0; i < 4; ++i) {
    const __m256 size = _mm256_andnot_ps(sign, block.v[i]);
    const __m256 code = CoarseSize(size, _mm256_set1_ps(2.0f * first));
    products = _mm256_fmadd_ps(size, code, products);
    codes = _mm256_fmadd_ps(code, code, codes);
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
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 squares = _mm256_setzero_ps();
  __m256 with_row = squares;
  __m256 row = squares;
  __m256 sum = squares;
  for (int i = 0; i < 4; ++i) {
    const __m256 v = block.v[i];
    const __m256 size = _mm256_andnot_ps(sign, v);
    const __m256 code =
        _mm256_or_ps(CoarseSize(size, _mm256_set1_ps(2.0f * step)), _mm256_and_ps(sign, v));
    const __m256 residual = _mm256_fnmadd_ps(code, _mm256_set1_ps(step), v);
    squares = _mm256_fmadd_ps(residual, residual, squares);
    with_row = _mm256_fmadd_ps(residual, v, with_row);
    row = _mm256_fmadd_ps(v, v, row);
    sum = _mm256_add_ps(residual, sum);
    __m256i field =
        _mm256_srli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(code), _mm256_set1_epi32(3)), 1);
    field = _mm256_sllv_epi32(field, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    field = _mm256_hadd_epi32(field, field);
    field = _mm256_hadd_epi32(field, field);
    bytes[2 * i] = (uint8_t)_mm256_extract_epi32(field, 0);
    bytes[2 * i + 1] = (uint8_t)_mm256_extract_epi32(field, 4);
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
  __m256 sums = _mm256_setzero_ps();
  for (int64_t k = 0; k < columns; k += 8) sums = _mm256_add_ps(_mm256_loadu_ps(w + k), sums);
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
    const float deviation = 1.001f * __builtin_sqrtf(squares > least ? squares : least);
    group->deviations[row] = _cvtss_sh(deviation, _MM_FROUND_TO_NEAREST_INT);
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

#endif  // PLUGINS_SPARSE_X86_COARSE_PACK_AVX2_H_
