// Rows of 4-bit and 6-bit weights in the K8 layout (plugins/common/kernels/k8_layout.h): one token
// without any sum across lanes, many through a panel. README.md draws the layout.
#ifndef PLUGINS_SPARSE_X86_K8_AVX2_H_
#define PLUGINS_SPARSE_X86_K8_AVX2_H_

#include "plugins/common/kernels/k8_layout.h"
#include "plugins/sparse_x86/blocks_avx2.h"

namespace {

// Lane i of vector j: the dword of block j, in the vector of the layout that begins at `offset`, of
// row i.
KL_INLINE void LoadColumns(const uint8_t* const* rows, int offset, RowVector v[8]) {
#pragma GCC unroll 8
  for (int row = 0; row < 8; ++row) {
    v[row] = LoadRows(
        row, [&](int k) { return _mm256_loadu_si256((const __m256i*)(rows[k] + offset)); });
  }
  TransposeRows(v);
}

// A format adds
//   Products(packed, a)                lane j: the sum of w * q over block j
//   UnpackBytes(rows, b, r, panel)     of the blocks b .. b + 7 of the rows of vector r

struct K8FourBits {
  static KL_INLINE __m256i Products(const uint8_t* packed, const ActivationGroup& a) {
    return K8Nibbles(packed + 16, a);
  }
  static KL_INLINE void UnpackBytes(const uint8_t* const* rows, int64_t b, int r,
                                    const Panel& panel) {
    for (int i = 0; i < 4; ++i) {
      RowVector v[8];
      LoadColumns(rows, 16 + 32 * i, v);
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) {
        StoreRows(PanelBytesAt(panel, b + j, 2 * i, r), LowHalves(v[j]));
        StoreRows(PanelBytesAt(panel, b + j, 2 * i + 1, r), HighHalves(v[j]));
      }
    }
  }
};

struct K8Q4_0 : K8FourBits {
  using Bytes = K8BytesQ4_0;
  using Type = TypeQ4_0;
  static KL_INLINE __m256 Scales(const uint8_t* packed) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)packed));
  }
  static KL_INLINE __m256 Minima(const uint8_t*) { return _mm256_setzero_ps(); }
};
struct K8Q4_K : K8FourBits {
  using Bytes = K8BytesQ4_K;
  using Type = TypeQ4_K;
  static KL_INLINE __m256 Scales(const uint8_t* packed) { return Type::Scales(packed); }
  static KL_INLINE __m256 Minima(const uint8_t* packed) { return Type::Minima(packed); }
};
struct K8Q6_K {
  using Bytes = K8BytesQ6_K;
  using Type = TypeQ6_K;
  static KL_INLINE __m256 Scales(const uint8_t* packed) { return Type::Scales(packed); }
  static KL_INLINE __m256 Minima(const uint8_t*) { return _mm256_setzero_ps(); }
  static KL_INLINE __m256i Products(const uint8_t* packed, const ActivationGroup& a) {
    return K8SixBits<Type>(packed, a);
  }
  static KL_INLINE void UnpackBytes(const uint8_t* const* rows, int64_t b, int r,
                                    const Panel& panel) {
    for (int u = 0; u < 2; ++u) {
      RowVector v[3][8];
#pragma GCC unroll 3
      for (int m = 0; m < 3; ++m) {
        LoadColumns(rows, 64 * m + 32 * u, v[m]);
#pragma GCC unroll 8
        for (int j = 0; j < 8; ++j) {
          StoreRows(PanelBytesAt(panel, b + j, 2 * u + Bytes::kColumns[m], r), LowSixBits(v[m][j]));
        }
      }
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) {
        StoreRows(PanelBytesAt(panel, b + j, 2 * u + 5, r),
                  SpreadColumns(v[0][j], v[1][j], v[2][j]));
      }
    }
  }
};

template <class Format>
struct K8Rows {
  using Bytes = typename Format::Bytes;
  static constexpr PanelKind kKind = Format::Type::kKind;
  static constexpr bool kMinima = Format::Type::kMinima;
  static constexpr ActivationOrder kOrder = kInterleaved;
  static constexpr int kGroupBytes = Bytes::kGroupBytes;
  static constexpr ActivationForm kForm = {kInterleaved, Format::Type::kOffset, kKind == kHalved};
  static constexpr int64_t kTokensForPanel = 4;
  static_assert(Format::Type::kGroupBytes == kGroupBytes, "the bytes of the file");

  static KL_INLINE uint64_t RowBytes(int64_t blocks) { return (uint64_t)blocks * kGroupBytes / 8; }
  static KL_INLINE uint64_t PanelBytes(int64_t blocks) { return ::PanelBytes(blocks); }
  static KL_INLINE void QuantiseRow(const float* x, int64_t columns, ActivationGroup* groups) {
    ::QuantiseRow(x, columns, kForm, groups);
  }
  static KL_INLINE void QuantiseBlock(const float* x, ActivationGroup* group, int64_t j) {
    ::QuantiseBlock(x, kForm, group, j);
  }

  static KL_INLINE float Dot(const uint8_t* row, int64_t blocks, const ActivationGroup* a,
                             const uint8_t* ahead) {
    __m256 sum = _mm256_setzero_ps();
    const int64_t groups = blocks / 8;
    for (int64_t g = 0; g < groups; ++g, row += kGroupBytes, ahead += kGroupBytes, ++a) {
#pragma GCC unroll 4
      for (int line = 0; line < kGroupBytes; line += 64) {
        PrefetchStreamed(ahead + line);
      }
      const __m256i integers = Format::Products(row, *a);
      sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(integers),
                            _mm256_mul_ps(Format::Scales(row), _mm256_load_ps(a->d)), sum);
      if (kMinima) sum = _mm256_fmadd_ps(Format::Minima(row), _mm256_load_ps(a->d_sum), sum);
    }
    return SumAcross(sum);
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
      for (int64_t b = 0; b < blocks; b += 8) {
        Format::UnpackBytes(rows, b, r, panel);
        UnpackNumbers(
            rows, [](const uint8_t* row) { return Format::Scales(row); }, panel.scales, b, r);
        if (kMinima) {
          UnpackNumbers(
              rows, [](const uint8_t* row) { return Format::Minima(row); }, panel.minima, b, r);
        }
        if constexpr (kKind == kHalved) UnpackHalves<typename Format::Type>(rows, panel, b, r);
        for (int row = 0; row < kRowsPerVector; ++row) rows[row] += kGroupBytes;
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

#endif  // PLUGINS_SPARSE_X86_K8_AVX2_H_
