// Matrix times vectors for the expert kernels, one interface for quantised and float rows.
//
// An engine has
//   kVectorsForPanel                        from which number on MultiplyRows beats Dot
//   kWholeBlocks                            vectors are stored in blocks of 32 columns
//   ActivationBytes(columns)                one vector as the engine reads it
//   Prepare(x, columns, activation)         a whole vector
//   PrepareBlock(x, b, count, activation)   its columns 32b .. 32b + count - 1, count <= 32
//   RowBytes(columns)
//   Dot(row, columns, activation, ahead)    fetches `ahead` meanwhile
//   PanelBytes(columns)                     worker scratch for MultiplyRows
//   MultiplyRows(first_row, rows, columns, activations, count, panel, store)
//                                           up to 16 rows, store(t, y16); the bits of Dot
#ifndef PLUGINS_SPARSE_X86_MOE_ENGINE_AVX2_H_
#define PLUGINS_SPARSE_X86_MOE_ENGINE_AVX2_H_

#include "plugins/sparse_x86/floats_avx2.h"
#include "plugins/sparse_x86/panel_avx2.h"

namespace {

template <class Rows>
struct QuantisedEngine {
  static constexpr bool kWholeBlocks = true;
  static constexpr int64_t kVectorsForPanel = Rows::kTokensForPanel;

  static KL_INLINE uint64_t ActivationBytes(int64_t columns) {
    return (uint64_t)GroupCount(columns) * sizeof(ActivationGroup);
  }
  static KL_INLINE void Prepare(const float* x, int64_t columns, void* activation) {
    QuantiseRow(x, columns, Rows::kForm, (ActivationGroup*)activation);
  }
  static KL_INLINE void PrepareBlock(const float* x, int64_t b, int64_t, void* activation) {
    QuantiseBlock(x, Rows::kForm, (ActivationGroup*)activation + b / 8, b % 8);
  }
  static KL_INLINE uint64_t RowBytes(int64_t columns) { return Rows::RowBytes(columns / 32); }
  static KL_INLINE float Dot(const uint8_t* row, int64_t columns, const void* activation,
                             const uint8_t* ahead) {
    return Rows::Dot(row, columns / 32, (const ActivationGroup*)activation, ahead);
  }
  static KL_INLINE uint64_t PanelBytes(int64_t columns) { return ::PanelBytes(columns / 32); }
  template <class Store>
  static KL_INLINE void MultiplyRows(const uint8_t* first_row, int64_t rows, int64_t columns,
                                     const void* const* activations, int64_t count, void* memory,
                                     const Store& store) {
    const int64_t blocks = columns / 32;
    const Panel panel = PanelAt(memory, blocks);
    Rows::Unpack(first_row, rows, blocks, panel);
    MultiplyPanelTokens<Rows::kKind, Rows::kMinima, Rows::kOrder>(
        panel, blocks, (const ActivationGroup* const*)activations, count, store);
  }
};

template <class Type>
struct FloatEngine {
  static constexpr bool kWholeBlocks = false;
  static constexpr int64_t kVectorsForPanel = 3;

  static KL_INLINE uint64_t ActivationBytes(int64_t columns) {
    return (uint64_t)RoundUp(columns, 16) * sizeof(float);
  }
  static KL_INLINE void Prepare(const float* x, int64_t columns, void* activation) {
    memcpy(activation, x, (size_t)columns * sizeof(float));
  }
  static KL_INLINE void PrepareBlock(const float* x, int64_t b, int64_t count, void* activation) {
    memcpy((float*)activation + 32 * b, x, (size_t)count * sizeof(float));
  }
  static KL_INLINE uint64_t RowBytes(int64_t columns) { return (uint64_t)columns * Type::kBytes; }
  static KL_INLINE float Dot(const uint8_t* row, int64_t columns, const void* activation,
                             const uint8_t* ahead) {
    return DotFloat<Type>(row, (const float*)activation, columns, ahead);
  }
  static KL_INLINE uint64_t PanelBytes(int64_t columns) {
    return (uint64_t)(kPanelRows * RoundUp(columns, 16)) * sizeof(float);
  }
  template <class Store>
  static KL_INLINE void MultiplyRows(const uint8_t* first_row, int64_t row_count, int64_t columns,
                                     const void* const* activations, int64_t count, void* memory,
                                     const Store& store) {
    float* wide = (float*)memory;
    const int64_t stride = RoundUp(columns, 16);
    for (int64_t i = 0; i < kPanelRows; ++i) {
      WidenRow<Type>(first_row + Minimum(i, row_count - 1) * RowBytes(columns), columns,
                     wide + i * stride);
    }
    // A few tokens at a time, so that store() gets all 16 rows of a token at once.
    constexpr int64_t kTokens = 4 * kTileTokens;
    for (int64_t first = 0; first < count; first += kTokens) {
      alignas(32) float y[kTokens][kPanelRows];
      const int64_t some = Minimum(kTokens, count - first);
      for (int64_t i = 0; i < kPanelRows; i += kTileRows) {
        const float* rows[kTileRows] = {wide + i * stride, wide + (i + 1) * stride};
        MultiplyTileTokens(rows, (const float* const*)activations + first, some, columns,
                           [&](int64_t t, float y0, float y1) {
                             y[t][i] = y0;
                             y[t][i + 1] = y1;
                           });
      }
      for (int64_t t = 0; t < some; ++t) store(first + t, y[t]);
    }
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_MOE_ENGINE_AVX2_H_
