// Rows of f32, f16 and bf16 weights, widened to f32 as they are read.
//
// A float type is described by a struct with kType, kBytes and Load(p): eight elements.
#ifndef PLUGINS_SPARSE_X86_FLOATS_AVX2_H_
#define PLUGINS_SPARSE_X86_FLOATS_AVX2_H_

#include "core/abi/dtype.h"
#include "plugins/sparse_x86/simd_avx2.h"

namespace {

struct TypeF32 {
  static constexpr kl_dtype kType = KL_TYPE_F32;
  static constexpr int kBytes = 4;
  static KL_INLINE __m256 Load(const uint8_t* p) { return _mm256_loadu_ps((const float*)p); }
};

struct TypeF16 {
  static constexpr kl_dtype kType = KL_TYPE_F16;
  static constexpr int kBytes = 2;
  static KL_INLINE __m256 Load(const uint8_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p));
  }
};

struct TypeBF16 {
  static constexpr kl_dtype kType = KL_TYPE_BF16;
  static constexpr int kBytes = 2;
  static KL_INLINE __m256 Load(const uint8_t* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
};

// The product of one row with one token, which every path of the float kernels computes in the
// same order: columns 16i .. 16i + 7 in one vector of sums, 16i + 8 .. 16i + 15 in a second.
// Meanwhile the bytes at `ahead`, as many as the row has, are fetched into the cache.
template <class Type>
KL_INLINE float DotFloat(const uint8_t* row, const float* x, int64_t columns,
                         const uint8_t* ahead) {
  __m256 even = _mm256_setzero_ps();
  __m256 odd = _mm256_setzero_ps();
  int64_t k = 0;
  for (; k + 16 <= columns; k += 16) {
    _mm_prefetch((const char*)ahead, _MM_HINT_T0);
    even = _mm256_fmadd_ps(Type::Load(row), _mm256_loadu_ps(x + k), even);
    odd = _mm256_fmadd_ps(Type::Load(row + 8 * Type::kBytes), _mm256_loadu_ps(x + k + 8), odd);
    row += 16 * Type::kBytes;
    ahead += 16 * Type::kBytes;
  }
  if (k < columns) {
    const int64_t left = columns - k;
    alignas(32) uint8_t padded[16 * Type::kBytes];
    memset(padded, 0, sizeof padded);
    memcpy(padded, row, (size_t)left * Type::kBytes);
    even = _mm256_fmadd_ps(Type::Load(padded), LoadFirst(x + k, left), even);
    odd =
        _mm256_fmadd_ps(Type::Load(padded + 8 * Type::kBytes), LoadFirst(x + k + 8, left - 8), odd);
  }
  return SumAcross(_mm256_add_ps(even, odd));
}

// Widens one row; elements up to the next multiple of 16 become 0.
template <class Type>
KL_INLINE void WidenRow(const uint8_t* row, int64_t columns, float* wide) {
  int64_t k = 0;
  for (; k + 8 <= columns; k += 8) {
    _mm256_store_ps(wide + k, Type::Load(row));
    row += 8 * Type::kBytes;
  }
  for (; k < RoundUp(columns, 16); k += 8) {
    alignas(32) uint8_t padded[8 * Type::kBytes];
    memset(padded, 0, sizeof padded);
    if (k < columns) memcpy(padded, row, (size_t)(columns - k) * Type::kBytes);
    _mm256_store_ps(wide + k, Type::Load(padded));
  }
}

constexpr int kTileRows = 2;
constexpr int kTileTokens = 3;

// y[t][r] = DotFloat(row r, x[t]) for two widened rows and `kTokens` tokens, with the same bits.
template <int kTokens>
static inline __attribute__((noinline)) void MultiplyTile(const float* const rows[kTileRows],
                                                          const float* const* x, int64_t columns,
                                                          float* y) {
  __m256 sum[kTokens][kTileRows][2];
#pragma GCC unroll 3
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 2
    for (int r = 0; r < kTileRows; ++r) sum[t][r][0] = sum[t][r][1] = _mm256_setzero_ps();
  }
  int64_t k = 0;
  for (; k + 16 <= columns; k += 16) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m256 w0 = _mm256_load_ps(rows[0] + k + 8 * half);
      const __m256 w1 = _mm256_load_ps(rows[1] + k + 8 * half);
#pragma GCC unroll 3
      for (int t = 0; t < kTokens; ++t) {
        __m256 v = _mm256_loadu_ps(x[t] + k + 8 * half);
        KL_KEEP(v);
        sum[t][0][half] = _mm256_fmadd_ps(w0, v, sum[t][0][half]);
        sum[t][1][half] = _mm256_fmadd_ps(w1, v, sum[t][1][half]);
      }
    }
  }
  if (k < columns) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int64_t left = columns - k - 8 * half;
#pragma GCC unroll 3
      for (int t = 0; t < kTokens; ++t) {
        const __m256 v = LoadFirst(x[t] + k + 8 * half, left);
#pragma GCC unroll 2
        for (int r = 0; r < kTileRows; ++r) {
          sum[t][r][half] =
              _mm256_fmadd_ps(_mm256_load_ps(rows[r] + k + 8 * half), v, sum[t][r][half]);
        }
      }
    }
  }
#pragma GCC unroll 3
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 2
    for (int r = 0; r < kTileRows; ++r) {
      y[t * kTileRows + r] = SumAcross(_mm256_add_ps(sum[t][r][0], sum[t][r][1]));
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

#endif  // PLUGINS_SPARSE_X86_FLOATS_AVX2_H_
