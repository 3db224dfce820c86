// Engines (plugins/common/kernels/engine.h) of float rows.
#ifndef PLUGINS_COMMON_KERNELS_MOE_ENGINE_H_
#define PLUGINS_COMMON_KERNELS_MOE_ENGINE_H_

#include "plugins/common/kernels/engine.h"
#include "plugins/common/kernels/floats.h"

namespace {

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
    return (uint64_t)(kEngineRows * RoundUp(columns, 16)) * sizeof(float);
  }
  template <class Store>
  static KL_INLINE void MultiplyRows(const uint8_t* first_row, uint64_t row_stride,
                                     int64_t row_count, int64_t columns,
                                     const void* const* activations, int64_t count, void* memory,
                                     const Store& store) {
    float* wide = (float*)memory;
    const int64_t stride = RoundUp(columns, 16);
    for (int64_t i = 0; i < kEngineRows; ++i) {
      WidenRow<Type>(first_row + (uint64_t)Minimum(i, row_count - 1) * row_stride, columns,
                     wide + i * stride);
    }
    // A few tokens at a time, so that store() gets all 16 rows of a token at once.
    constexpr int64_t kTokens = 4 * kTileTokens;
    for (int64_t first = 0; first < count; first += kTokens) {
      alignas(32) float y[kTokens][kEngineRows];
      const int64_t some = Minimum(kTokens, count - first);
      for (int64_t i = 0; i < kEngineRows; i += kTileRows) {
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

#endif  // PLUGINS_COMMON_KERNELS_MOE_ENGINE_H_
