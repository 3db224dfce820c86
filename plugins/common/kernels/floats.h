// Rows of f32, f16 and bf16 weights, widened to f32 as they are read.
//
// A float type is described by a struct with kType, kBytes and Load(p): eight elements.
#ifndef PLUGINS_COMMON_KERNELS_FLOATS_H_
#define PLUGINS_COMMON_KERNELS_FLOATS_H_

#include "core/abi/dtype.h"
#include "plugins/common/kernels/f32x8.h"

namespace {

struct TypeF32 {
  static constexpr kl_dtype kType = KL_TYPE_F32;
  static constexpr int kBytes = 4;
  static KL_INLINE F8 Load(const uint8_t* p) { return Load8((const float*)p); }
};

struct TypeF16 {
  static constexpr kl_dtype kType = KL_TYPE_F16;
  static constexpr int kBytes = 2;
  static KL_INLINE F8 Load(const uint8_t* p) { return LoadHalf8(p); }
};

struct TypeBF16 {
  static constexpr kl_dtype kType = KL_TYPE_BF16;
  static constexpr int kBytes = 2;
  static KL_INLINE F8 Load(const uint8_t* p) { return LoadBrain8(p); }
};

// The product of one row with one token, which every path of the float kernels computes in the
// same order: columns 16i .. 16i + 7 in one vector of sums, 16i + 8 .. 16i + 15 in a second.
// Meanwhile the bytes at `ahead`, as many as the row has, are fetched into the cache.
template <class Type>
KL_INLINE float DotFloat(const uint8_t* row, const float* x, int64_t columns,
                         const uint8_t* ahead) {
  F8 even = Zero8();
  F8 odd = Zero8();
  int64_t k = 0;
  for (; k + 16 <= columns; k += 16) {
    PrefetchStreamed(ahead);
    even = MultiplyAdd(Type::Load(row), Load8(x + k), even);
    odd = MultiplyAdd(Type::Load(row + 8 * Type::kBytes), Load8(x + k + 8), odd);
    row += 16 * Type::kBytes;
    ahead += 16 * Type::kBytes;
  }
  if (k < columns) {
    const int64_t left = columns - k;
    alignas(32) uint8_t padded[16 * Type::kBytes];
    memset(padded, 0, sizeof padded);
    memcpy(padded, row, (size_t)left * Type::kBytes);
    even = MultiplyAdd(Type::Load(padded), LoadFirst(x + k, left), even);
    odd = MultiplyAdd(Type::Load(padded + 8 * Type::kBytes), LoadFirst(x + k + 8, left - 8), odd);
  }
  return SumAcross(even + odd);
}

// Widens one row; elements up to the next multiple of 16 become 0.
template <class Type>
KL_INLINE void WidenRow(const uint8_t* row, int64_t columns, float* wide) {
  int64_t k = 0;
  for (; k + 8 <= columns; k += 8) {
    Store8(wide + k, Type::Load(row));
    row += 8 * Type::kBytes;
  }
  for (; k < RoundUp(columns, 16); k += 8) {
    alignas(32) uint8_t padded[8 * Type::kBytes];
    memset(padded, 0, sizeof padded);
    if (k < columns) memcpy(padded, row, (size_t)(columns - k) * Type::kBytes);
    Store8(wide + k, Type::Load(padded));
  }
}

constexpr int kTileRows = 2;
constexpr int kTileTokens = 3;

// y[t][r] = DotFloat(row r, x[t]) for two widened rows and `kTokens` tokens, with the same bits.
template <int kTokens>
static inline __attribute__((noinline)) void MultiplyTile(const float* const rows[kTileRows],
                                                          const float* const* x, int64_t columns,
                                                          float* y) {
  F8 sum[kTokens][kTileRows][2];
#pragma GCC unroll 3
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 2
    for (int r = 0; r < kTileRows; ++r) sum[t][r][0] = sum[t][r][1] = Zero8();
  }
  int64_t k = 0;
  for (; k + 16 <= columns; k += 16) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const F8 w0 = Load8(rows[0] + k + 8 * half);
      const F8 w1 = Load8(rows[1] + k + 8 * half);
#pragma GCC unroll 3
      for (int t = 0; t < kTokens; ++t) {
        F8 v = Load8(x[t] + k + 8 * half);
        KeepInRegisters(&v);
        sum[t][0][half] = MultiplyAdd(w0, v, sum[t][0][half]);
        sum[t][1][half] = MultiplyAdd(w1, v, sum[t][1][half]);
      }
    }
  }
  if (k < columns) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int64_t left = columns - k - 8 * half;
#pragma GCC unroll 3
      for (int t = 0; t < kTokens; ++t) {
        const F8 v = LoadFirst(x[t] + k + 8 * half, left);
#pragma GCC unroll 2
        for (int r = 0; r < kTileRows; ++r) {
          sum[t][r][half] = MultiplyAdd(Load8(rows[r] + k + 8 * half), v, sum[t][r][half]);
        }
      }
    }
  }
#pragma GCC unroll 3
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 2
    for (int r = 0; r < kTileRows; ++r) {
      y[t * kTileRows + r] = SumAcross(sum[t][r][0] + sum[t][r][1]);
    }
  }
}

// Two widened rows times `count` tokens; store(t, y0, y1).
template <class Store>
KL_INLINE void MultiplyTileTokens(const float* const rows[kTileRows], const float* const* x,
                                  int64_t count, int64_t columns, const Store& store) {
  float y[kTileTokens * kTileRows];
  for (int64_t t = 0; t < count; t += kTileTokens) {
    const int64_t some = Minimum(kTileTokens, count - t);
    if (some == 3) {
      MultiplyTile<3>(rows, x + t, columns, y);
    } else if (some == 2) {
      MultiplyTile<2>(rows, x + t, columns, y);
    } else {
      MultiplyTile<1>(rows, x + t, columns, y);
    }
    for (int64_t i = 0; i < some; ++i) store(t + i, y[2 * i], y[2 * i + 1]);
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_FLOATS_H_
