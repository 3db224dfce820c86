// A plane of a depthwise 3x3 convolution, stride 1 or 2, straight from the image: no padded copy.
//
//   y[r][c] = clamp(bias + sum over kh, kw of w[kh][kw] * x[r * stride + kh - top][c * stride + kw
//   - left])
//
// Loads are masked where a window leaves its row; rows outside the image are left out. A vector is
// 16 (8, 4) columns of a row, and kTallRows rows at once share their input rows and fetch the next
// ones ahead; with stride 2 and narrow planes its halves are two rows.
//
// Numbers: from the bias on, taps in the order kh, kw, whatever the instruction set.
#ifndef PLUGINS_COMMON_KERNELS_DEPTHWISE3X3_H_
#define PLUGINS_COMMON_KERNELS_DEPTHWISE3X3_H_

#include "plugins/common/kernels/conv_shape.h"
#include "plugins/common/kernels/vector.h"

namespace {

// Rows of sums, nine weights and three inputs fit the registers.
constexpr int kTallRows = kVectorRegisters == 32 ? 7 : 3;

struct PlaneWeights {
  const float* taps;  // [3][3]
  float bias, low, high;
};

KL_INLINE bool IsDepthwise3x3(const ConvShape& s) {
  return s.kernel[0] == 3 && s.kernel[1] == 3 && s.strides[0] == s.strides[1] && s.strides[0] <= 2;
}

KL_INLINE bool TakesPairs(const ConvShape& s) {
  return s.strides[0] == 2 && 2 * s.out_columns <= kLanes;
}

// ---- tall ----

// Where a row's vectors are loaded from for each tap kw, and which lanes lie in the row.
template <int kStride>
struct TallColumns;

template <>
struct TallColumns<1> {
  int64_t first;  // column of lane 0 of tap 0
  Mask mask[3];

  KL_INLINE void Prepare(const ConvShape& s, int64_t column) {
    first = column - s.pads[1];
#pragma GCC unroll 3
    for (int k = 0; k < 3; ++k) mask[k] = RangeMask(-(first + k), s.columns - (first + k));
  }
  KL_INLINE void Load(const float* row, Vector in[3]) const {
#pragma GCC unroll 3
    for (int k = 0; k < 3; ++k) in[k] = LoadMasked(row + first + k, mask[k]);
  }
};

template <>
struct TallColumns<2> {
  int64_t first;
  Mask mask[2][2];  // of tap 0 (and 1), of tap 2; of the first, the second vector of columns

  KL_INLINE void Prepare(const ConvShape& s, int64_t column) {
    first = 2 * column - s.pads[1];
#pragma GCC unroll 2
    for (int k = 0; k < 2; ++k) {
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        const int64_t at = first + 2 * k + v * kLanes;
        mask[k][v] = RangeMask(-at, s.columns - at);
      }
    }
  }
  KL_INLINE void Load(const float* row, Vector in[3]) const {
    const float* from = row + first;
    const Vector a = LoadMasked(from, mask[0][0]), b = LoadMasked(from + kLanes, mask[0][1]);
    in[0] = EvenLanes(a, b);
    in[1] = OddLanes(a, b);
    in[2] = EvenLanes(LoadMasked(from + 2, mask[1][0]), LoadMasked(from + 2 + kLanes, mask[1][1]));
  }
};

// Output rows [row, row + kRows) of the columns.
template <int kStride, int kRows>
KL_INLINE void TallBlock(const ConvShape& s, const TallColumns<kStride>& columns, const float* x,
                         const Vector weights[9], const PlaneWeights& w, int64_t row, Mask out,
                         float* y) {
  const int64_t top = row * kStride - s.pads[0];
  const float* next = x + (top + kRows * kStride + 2) * s.columns + columns.first;
#pragma GCC unroll 16
  for (int i = 0; i < kRows * kStride; ++i, next += s.columns) {
    Prefetch(next);
    if (kStride == 2) Prefetch(next + kLanes);
  }
  Vector sum[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) sum[r] = SetVector(w.bias);
#pragma GCC unroll 16
  for (int i = 0; i < (kRows - 1) * kStride + 3; ++i) {
    if (top + i < 0 || top + i >= s.rows) continue;
    Vector in[3];
    columns.Load(x + (top + i) * s.columns, in);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const int kh = i - r * kStride;
      if (kh < 0 || kh > 2) continue;
#pragma GCC unroll 3
      for (int kw = 0; kw < 3; ++kw) {
        sum[r] = MultiplyAdd(weights[3 * kh + kw], in[kw], sum[r]);
      }
    }
  }
  const Vector low = SetVector(w.low), high = SetVector(w.high);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    StoreMasked(y + (row + r) * s.out_columns, out, ClampVector(low, high, sum[r]));
  }
}

// Vectors of columns that are prepared at once.
constexpr int kColumnsAtOnce = 8;

template <int kStride>
struct TallStrip {
  TallColumns<kStride> columns[kColumnsAtOnce];
  Mask out[kColumnsAtOnce];
  int64_t first;  // column of y
  int count;
};

template <int kStride, int kRows>
KL_INLINE void TallRows(const ConvShape& s, const TallStrip<kStride>& strip, const float* x,
                        const Vector weights[9], const PlaneWeights& w, int64_t row, float* y) {
  for (int v = 0; v < strip.count; ++v) {
    TallBlock<kStride, kRows>(s, strip.columns[v], x, weights, w, row, strip.out[v],
                              y + strip.first + v * kLanes);
  }
}

template <int kStride>
__attribute__((noinline)) void TallPlane(const ConvShape& s, const PlaneWeights& w, const float* x,
                                         float* y) {
  Vector weights[9];
#pragma GCC unroll 9
  for (int i = 0; i < 9; ++i) weights[i] = SetVector(w.taps[i]);
  TallStrip<kStride> strip;
  for (strip.first = 0; strip.first < s.out_columns; strip.first += kColumnsAtOnce * kLanes) {
    const int64_t left = s.out_columns - strip.first;
    strip.count = (int)Minimum(kColumnsAtOnce, CeilDivide(left, kLanes));
    for (int v = 0; v < strip.count; ++v) {
      strip.columns[v].Prepare(s, strip.first + v * kLanes);
      strip.out[v] = RangeMask(0, left - v * kLanes);
    }
    int64_t row = 0;
    for (; row + kTallRows <= s.out_rows; row += kTallRows) {
      TallRows<kStride, kTallRows>(s, strip, x, weights, w, row, y);
    }
    if (row < s.out_rows && s.out_rows >= kTallRows) {
      // Some rows are computed again.
      TallRows<kStride, kTallRows>(s, strip, x, weights, w, s.out_rows - kTallRows, y);
    } else {
      for (; row < s.out_rows; ++row) TallRows<kStride, 1>(s, strip, x, weights, w, row, y);
    }
  }
}

// ---- pairs ----

__attribute__((noinline)) void PairsPlane(const ConvShape& s, const PlaneWeights& w, const float* x,
                                          float* y) {
  constexpr int64_t kHalf = kLanes / 2;
  const int64_t first = -s.pads[1];
  const Mask columns[2] = {RangeMask(-first, s.columns - first),
                           RangeMask(-first - 2, s.columns - first - 2)};
  const Mask none = RangeMask(0, 0);
  const Vector low = SetVector(w.low), high = SetVector(w.high);
  Vector weights[9];
#pragma GCC unroll 9
  for (int i = 0; i < 9; ++i) weights[i] = SetVector(w.taps[i]);
  for (int64_t row = 0; row < s.out_rows; row += 2) {
    Vector sum = SetVector(w.bias);
#pragma GCC unroll 3
    for (int kh = 0; kh < 3; ++kh) {
      const int64_t a = 2 * row + kh - s.pads[0], b = a + 2;
      const bool has_a = a >= 0 && a < s.rows, has_b = b >= 0 && b < s.rows;
      const float* a_row = x + (has_a ? a : 0) * s.columns + first;
      const float* b_row = x + (has_b ? b : 0) * s.columns + first;
      Vector in[2][2];
#pragma GCC unroll 2
      for (int k = 0; k < 2; ++k) {
        in[k][0] = LoadMasked(a_row + 2 * k, has_a ? columns[k] : none);
        in[k][1] = LoadMasked(b_row + 2 * k, has_b ? columns[k] : none);
      }
      sum = MultiplyAdd(weights[3 * kh], EvenLanes(in[0][0], in[0][1]), sum);
      sum = MultiplyAdd(weights[3 * kh + 1], OddLanes(in[0][0], in[0][1]), sum);
      sum = MultiplyAdd(weights[3 * kh + 2], EvenLanes(in[1][0], in[1][1]), sum);
    }
    sum = ClampVector(low, high, sum);
    float* to = y + row * s.out_columns;
    StoreMasked(to, RangeMask(0, s.out_columns), sum);
    if (row + 1 < s.out_rows) {
      StoreMasked(to + s.out_columns - kHalf, RangeMask(kHalf, kHalf + s.out_columns), sum);
    }
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_DEPTHWISE3X3_H_
