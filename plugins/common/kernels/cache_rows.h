// Rows of a KV cache by element type: how many bytes, how they are stored, how eight elements
// become f32. A row has L elements, L a multiple of 8; of q8_0 it is filled up to whole blocks.
//
//   Row::Load(row, i)             elements i .. i + 7, i a multiple of 8
//   Row::StoreRow(from, L, row)   rounds as the reference does, to the same bits
//
// q * d of q8_0 is exact in f32 (7 and 11 bits), so it does not matter where a row is widened.
#ifndef PLUGINS_COMMON_KERNELS_CACHE_ROWS_H_
#define PLUGINS_COMMON_KERNELS_CACHE_ROWS_H_

#include <float.h>

#include "core/abi/types.h"
#include "plugins/common/kernels/f32x8.h"

namespace {

struct F32Row {
  static constexpr kl_dtype kType = KL_TYPE_F32;
  static KL_INLINE int64_t RowBytes(int64_t length) { return 4 * length; }
  static KL_INLINE F8 Load(const uint8_t* row, int64_t i) { return Load8((const float*)row + i); }
  static KL_INLINE void StoreRow(const float* from, int64_t length, uint8_t* row) {
    memcpy(row, from, (size_t)length * sizeof(float));
  }
};

struct F16Row {
  static constexpr kl_dtype kType = KL_TYPE_F16;
  static KL_INLINE int64_t RowBytes(int64_t length) { return 2 * length; }
  static KL_INLINE F8 Load(const uint8_t* row, int64_t i) { return LoadHalf8(row + 2 * i); }
  static KL_INLINE void StoreRow(const float* from, int64_t length, uint8_t* row) {
    for (int64_t i = 0; i < length; i += 8) StoreHalf8(row + 2 * i, Load8(from + i));
  }
};

struct Q8Row {
  static constexpr kl_dtype kType = KL_TYPE_Q8_0;
  static constexpr int64_t kBlock = 32;
  static constexpr int64_t kBlockBytes = 34;  // d as f16, 32 codes
  static KL_INLINE int64_t RowBytes(int64_t length) {
    return CeilDivide(length, kBlock) * kBlockBytes;
  }
  static KL_INLINE F8 Load(const uint8_t* row, int64_t i) {
    const uint8_t* block = row + i / kBlock * kBlockBytes;
    return LoadBytes8(block + 2 + i % kBlock) * Splat8(HalfToFloat(LoadU16(block)));
  }
  // round(x * inverse), halves away from zero: truncated after adding the number below 0.5.
  static KL_INLINE F8 BeforeTruncation(F8 x, F8 inverse) {
    const F8 product = x * inverse;
    return product + CopySign(Splat8(0x1.fffffep-2f), product);
  }
  static KL_INLINE void StoreRow(const float* from, int64_t length, uint8_t* row) {
    for (int64_t at = 0; at < length; at += kBlock, row += kBlockBytes) {
      F8 x[4];
      F8 largest = Zero8();
      for (int v = 0; v < 4; ++v) {
        x[v] = LoadFirst(from + at + 8 * v, length - at - 8 * v);
        largest = Maximum(largest, Absolute(x[v]));
      }
      const float d = MaximumAcross(largest) / 127.0f;
      const F8 inverse = Splat8(d >= FLT_MIN ? 1.0f / d : 0.0f);
      StoreU16(row, FloatToHalf(d));
      for (int v = 0; v < 4; ++v) x[v] = BeforeTruncation(x[v], inverse);
      StoreTruncated32(row + 2, x);
    }
  }
};

template <class Row>
KL_INLINE void WidenRow(const uint8_t* row, int64_t length, float* to) {
  for (int64_t i = 0; i < length; i += 8) Store8(to + i, Row::Load(row, i));
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_CACHE_ROWS_H_
