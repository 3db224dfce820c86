// Rows of any weight type, one after the other, as f32 numbers.
//
// A reader is a struct with
//   kType
//   Read(row, columns, scale, y)    y[c] = scale * column c; columns are whole blocks
#ifndef PLUGINS_COMMON_KERNELS_READERS_H_
#define PLUGINS_COMMON_KERNELS_READERS_H_

#include "plugins/common/kernels/floats.h"

namespace {

// Rows: kType, kGroupBytes, and DequantiseGroup(group, count, factor, y) for the first `count`
// blocks of a group.
template <class Rows>
struct QuantisedReader {
  static constexpr kl_dtype kType = Rows::kType;
  static KL_INLINE void Read(const uint8_t* row, int64_t columns, float scale, float* y) {
    int64_t k = 0;
    for (; k + 256 <= columns; k += 256) {
      Rows::DequantiseGroup(row, 8, scale, y + k);
      row += Rows::kGroupBytes;
    }
    if (k < columns) {
      const int count = (int)(columns - k) / 32;
      alignas(32) uint8_t padded[Rows::kGroupBytes];
      memset(padded, 0, sizeof padded);
      memcpy(padded, row, (size_t)count * Rows::kGroupBytes / 8);
      Rows::DequantiseGroup(padded, count, scale, y + k);
    }
  }
};

template <class Type>
struct FloatReader {
  static constexpr kl_dtype kType = Type::kType;
  static KL_INLINE void Read(const uint8_t* row, int64_t columns, float scale, float* y) {
    const F8 factor = Splat8(scale);
    int64_t k = 0;
    for (; k + 8 <= columns; k += 8) {
      Store8(y + k, Type::Load(row + k * Type::kBytes) * factor);
    }
    if (k < columns) {
      alignas(32) uint8_t padded[8 * Type::kBytes] = {};
      memcpy(padded, row + k * Type::kBytes, (size_t)(columns - k) * Type::kBytes);
      StoreFirst(y + k, columns - k, Type::Load(padded) * factor);
    }
  }
};

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_READERS_H_
