// Quantised rows as they are in the file: what all block types share.
//
// A block type is described by a struct (blocks_avx2.h) with
//   kType, kKind, kMinima, kOffset, kGroupBytes (bytes of 256 columns)
//   Load(group, j)     32 bytes of block j: unsigned w + kOffset, or signed for kSigned (kOffset 0)
//   Scales(group)      lane j: scale of block j
//   Minima(group)      lane j: what d_sum of block j is multiplied with  (kMinima)
//   Halves(group)      int16 lane 2*j + h: integer scale of half h of block j  (kHalved)
// and FileRows<Type> makes of it what the kernels use: Dot for one token, Unpack for many.
#ifndef PLUGINS_SPARSE_X86_WEIGHTS_AVX2_H_
#define PLUGINS_SPARSE_X86_WEIGHTS_AVX2_H_

#include "core/abi/dtype.h"
#include "plugins/sparse_x86/panel_avx2.h"
#if defined(KL_VNNI)
#include "plugins/sparse_x86/products_vnni.h"
#else
#include "plugins/sparse_x86/products_avx2.h"
#endif

namespace {

// of(row)'s eight numbers, of the blocks first, first + 1, .., of the rows of a vector.
template <class Of>
KL_INLINE void UnpackNumbers(const uint8_t* const* rows, const Of& of, float* numbers,
                             int64_t first, int r, int count = 8) {
  RowVector v[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    v[i] = LoadRows(i, [&](int k) { return _mm256_castps_si256(of(rows[k])); });
  }
  TransposeRows(v);
  for (int j = 0; j < count; ++j) StoreRows(PanelNumbersAt(numbers, first + j, r), v[j]);
}

// The scales of half blocks, of the blocks first .. first + count - 1 of the rows of a vector.
template <class Type>
KL_INLINE void UnpackHalves(const uint8_t* const* rows, const Panel& panel, int64_t first, int r,
                            int count = 8) {
  RowVector v[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    v[i] = LoadRows(i, [&](int k) { return Type::Halves(rows[k]); });
  }
  TransposeRows(v);  // dword lane i of vector j: both scales of block j of row i
  for (int j = 0; j < count; ++j) {
    int32_t* halves = panel.halves + 2 * (first + j) * kEngineRows + kRowsPerVector * r;
    StoreRows(halves, ScalesOfHalf<0>(v[j]));
    StoreRows(halves + kEngineRows, ScalesOfHalf<1>(v[j]));
  }
}

// From kTokensForPanel tokens on, unpacking a panel costs less than multiplying rows one by one.
template <class Type>
struct FileRows {
  static constexpr kl_dtype kType = Type::kType;
  static constexpr PanelKind kKind = Type::kKind;
  static constexpr bool kMinima = Type::kMinima;
  static constexpr ActivationOrder kOrder = kNatural;
  static constexpr int kGroupBytes = Type::kGroupBytes;
  static constexpr ActivationForm kForm = {kNatural, ProductOffset<Type>(), Type::kKind == kHalved};
  static constexpr int64_t kTokensForPanel = 3;

  static KL_INLINE uint64_t RowBytes(int64_t blocks) { return (uint64_t)blocks * kGroupBytes / 8; }
  static KL_INLINE uint64_t PanelBytes(int64_t blocks) { return ::PanelBytes(blocks); }
  static KL_INLINE void QuantiseRow(const float* x, int64_t columns, ActivationGroup* groups) {
    ::QuantiseRow(x, columns, kForm, groups);
  }
  static KL_INLINE void QuantiseBlock(const float* x, ActivationGroup* group, int64_t j) {
    ::QuantiseBlock(x, kForm, group, j);
  }

  static KL_INLINE __m256 AddGroup(const uint8_t* group, const ActivationGroup& a, __m256 sum) {
    const __m256i integers = BlockProducts<Type>(group, a);
    sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(integers),
                          _mm256_mul_ps(Type::Scales(group), _mm256_load_ps(a.d)), sum);
    if (kMinima) sum = _mm256_fmadd_ps(Type::Minima(group), _mm256_load_ps(a.d_sum), sum);
    return sum;
  }

  // The product of one row with one token. Lane j sums the blocks j, j + 8, ... Meanwhile the bytes
  // at `ahead`, as many as the row has, are fetched into the cache.
  static KL_INLINE float Dot(const uint8_t* row, int64_t blocks, const ActivationGroup* a,
                             const uint8_t* ahead) {
    __m256 sum = _mm256_setzero_ps();
    const int64_t groups = blocks / 8;
    for (int64_t g = 0; g < groups; ++g, row += kGroupBytes, ahead += kGroupBytes, ++a) {
#pragma GCC unroll 8
      for (int line = 0; line < kGroupBytes; line += 64) {
        PrefetchStreamed(ahead + line);
      }
      sum = AddGroup(row, *a, sum);
    }
    if (blocks % 8 != 0) {
      alignas(32) uint8_t padded[kGroupBytes];
      memset(padded, 0, sizeof padded);
      memcpy(padded, row, RowBytes(blocks % 8));
      sum = AddGroup(padded, *a, sum);
    }
    return SumAcross(sum);
  }

  // The `count` blocks of one group, times `factor`.
  static KL_INLINE void DequantiseGroup(const uint8_t* group, int count, float factor, float* y) {
    alignas(32) float scales[8];
    alignas(32) float minima[8];
    alignas(32) int16_t halves[16];
    const __m256 factors = _mm256_set1_ps(factor);
    _mm256_store_ps(scales, _mm256_mul_ps(Type::Scales(group), factors));
    _mm256_store_ps(minima, _mm256_mul_ps(Type::Minima(group), factors));
    _mm256_store_si256((__m256i*)halves, Type::Halves(group));
    const __m256i offset = _mm256_set1_epi8(Type::kKind == kSigned ? 0 : Type::kOffset);
    for (int j = 0; j < count; ++j) {
      const __m256i w = _mm256_sub_epi8(Type::Load(group, j), offset);
      const __m128i low = _mm256_castsi256_si128(w);
      const __m128i high = _mm256_extracti128_si256(w, 1);
      const __m256i eight[4] = {
          _mm256_cvtepi8_epi32(low), _mm256_cvtepi8_epi32(_mm_srli_si128(low, 8)),
          _mm256_cvtepi8_epi32(high), _mm256_cvtepi8_epi32(_mm_srli_si128(high, 8))};
      const __m256 minimum = _mm256_set1_ps(minima[j]);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const float scale =
            Type::kKind == kHalved ? scales[j] * (float)halves[2 * j + i / 2] : scales[j];
        __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(eight[i]), _mm256_set1_ps(scale));
        if (Type::kMinima) v = _mm256_add_ps(v, minimum);
        _mm256_storeu_ps(y + 32 * j + 8 * i, v);
      }
    }
  }

  // Blocks [first, first + count) of the rows of a vector into part `r` of a panel.
  static KL_INLINE void UnpackGroup(const uint8_t* const* rows, int64_t first, int count, int r,
                                    const Panel& panel) {
    RowVector v[8];
    for (int j = 0; j < count; ++j) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        v[i] = LoadRows(i, [&](int k) { return LoadForProducts<Type>(rows[k], j); });
      }
      TransposeRows(v);
#pragma GCC unroll 8
      for (int s = 0; s < 8; ++s) StoreRows(PanelBytesAt(panel, first + j, s, r), v[s]);
    }
    UnpackNumbers(
        rows, [](const uint8_t* row) { return Type::Scales(row); }, panel.scales, first, r, count);
    if (kMinima) {
      UnpackNumbers(
          rows, [](const uint8_t* row) { return Type::Minima(row); }, panel.minima, first, r,
          count);
    }
    if constexpr (kKind == kHalved) UnpackHalves<Type>(rows, panel, first, r, count);
  }

  // Unpacks `count` (1..kEngineRows) rows; missing rows repeat the last.
  static inline __attribute__((noinline)) void Unpack(const uint8_t* first_row, uint64_t stride,
                                                      int64_t count, int64_t blocks,
                                                      const Panel& panel) {
    for (int r = 0; r < kPanelVectors; ++r) {
      const uint8_t* rows[kRowsPerVector];
      for (int i = 0; i < kRowsPerVector; ++i) {
        rows[i] = first_row + (uint64_t)Minimum(kRowsPerVector * r + i, count - 1) * stride;
      }
      int64_t b = 0;
      for (; b + 8 <= blocks; b += 8) {
        UnpackGroup(rows, b, 8, r, panel);
        for (int i = 0; i < kRowsPerVector; ++i) rows[i] += kGroupBytes;
      }
      if (b < blocks) {
        alignas(32) uint8_t padded[kRowsPerVector][kGroupBytes];
        memset(padded, 0, sizeof padded);
        for (int i = 0; i < kRowsPerVector; ++i) {
          memcpy(padded[i], rows[i], RowBytes(blocks - b));
          rows[i] = padded[i];
        }
        UnpackGroup(rows, b, (int)(blocks - b), r, panel);
      }
    }
  }

  template <class Store>
  static KL_INLINE void MultiplyPanel(const uint8_t* first_row, uint64_t stride, int64_t rows,
                                      int64_t blocks, const ActivationGroup* const* tokens,
                                      int64_t count, void* memory, const Store& store) {
    const Panel panel = PanelAt(memory, blocks);
    Unpack(first_row, stride, rows, blocks, panel);
    MultiplyPanelTokens<kKind, kMinima, kOrder>(panel, blocks, tokens, count, store);
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_WEIGHTS_AVX2_H_
