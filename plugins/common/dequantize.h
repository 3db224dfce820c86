// Rows of any float or block type to f32, scalar: what each block type means.
//
// Thread safety: pure functions. `elements` is a multiple of the type's block.
// Numbers: scales are widened exactly; products are f32 in the order written here.
// Source: see blocks.h.
#ifndef KINGLET_PLUGINS_COMMON_DEQUANTIZE_H_
#define KINGLET_PLUGINS_COMMON_DEQUANTIZE_H_

#include <stdint.h>
#include <string.h>

#include "core/abi/dtype.h"
#include "plugins/common/blocks.h"
#include "plugins/common/f16.h"

namespace kinglet {

static inline void DequantizeBlock(const BlockQ4_0& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>((b.qs[j] & 15) - 8) * d;
    y[j + 16] = static_cast<float>((b.qs[j] >> 4) - 8) * d;
  }
}

static inline void DequantizeBlock(const BlockQ4_1& b, float* y) {
  const float d = F16ToF32(b.d);
  const float m = F16ToF32(b.m);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(b.qs[j] & 15) * d + m;
    y[j + 16] = static_cast<float>(b.qs[j] >> 4) * d + m;
  }
}

// Bit 4 of element j of a Q5_0 or Q5_1 block, in its place.
static inline int FifthBit(const uint8_t* qh, int j) { return (qh[j / 8] >> (j % 8) & 1) << 4; }

static inline void DequantizeBlock(const BlockQ5_0& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(((b.qs[j] & 15) | FifthBit(b.qh, j)) - 16) * d;
    y[j + 16] = static_cast<float>(((b.qs[j] >> 4) | FifthBit(b.qh, j + 16)) - 16) * d;
  }
}

static inline void DequantizeBlock(const BlockQ5_1& b, float* y) {
  const float d = F16ToF32(b.d);
  const float m = F16ToF32(b.m);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>((b.qs[j] & 15) | FifthBit(b.qh, j)) * d + m;
    y[j + 16] = static_cast<float>((b.qs[j] >> 4) | FifthBit(b.qh, j + 16)) * d + m;
  }
}

static inline void DequantizeBlock(const BlockQ8_0& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(b.qs[j]) * d;
}

static inline void DequantizeBlock(const BlockIQ4_NL& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(kIQ4Values[b.qs[j] & 15]);
    y[j + 16] = d * static_cast<float>(kIQ4Values[b.qs[j] >> 4]);
  }
}

// Element 128 h + 32 s + l lies in bits 2s, 2s + 1 of qs[32 h + l]; groups of 16 elements in order.
static inline void DequantizeBlock(const BlockQ2_K& b, float* y) {
  const float d = F16ToF32(b.d);
  const float dmin = F16ToF32(b.dmin);
  for (int i = 0; i < kSuperBlock; ++i) {
    const uint8_t scale = b.scales[i / 16];
    const int q = b.qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    y[i] = d * static_cast<float>(scale & 15) * static_cast<float>(q) -
           dmin * static_cast<float>(scale >> 4);
  }
}

// As Q2_K; a clear bit i / 32 of hmask[i % 32] subtracts 4.
static inline void DequantizeBlock(const BlockQ3_K& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int scale = ScaleQ3K(b.scales, i / 16) - 32;
    const int low = b.qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    const int q = low - (b.hmask[i % 32] >> (i / 32) & 1 ? 0 : 4);
    y[i] = d * static_cast<float>(scale) * static_cast<float>(q);
  }
}

// Groups 2p and 2p + 1 are the low and the high halves of qs[32 p .. 32 p + 31].
static inline void DequantizeBlock(const BlockQ4_K& b, float* y) {
  const float d = F16ToF32(b.d);
  const float dmin = F16ToF32(b.dmin);
  for (int group = 0; group < 8; ++group) {
    uint8_t scale, min;
    ScaleMinK(b.scales, group, &scale, &min);
    const float factor = d * static_cast<float>(scale);
    const float offset = dmin * static_cast<float>(min);
    const uint8_t* qs = b.qs + group / 2 * 32;
    for (int l = 0; l < 32; ++l) {
      y[group * 32 + l] = factor * static_cast<float>(qs[l] >> (group % 2 * 4) & 15) - offset;
    }
  }
}

// As Q4_K; the fifth bit is bit `group` of qh[l].
static inline void DequantizeBlock(const BlockQ5_K& b, float* y) {
  const float d = F16ToF32(b.d);
  const float dmin = F16ToF32(b.dmin);
  for (int group = 0; group < 8; ++group) {
    uint8_t scale, min;
    ScaleMinK(b.scales, group, &scale, &min);
    const float factor = d * static_cast<float>(scale);
    const float offset = dmin * static_cast<float>(min);
    const uint8_t* qs = b.qs + group / 2 * 32;
    for (int l = 0; l < 32; ++l) {
      const int q = (qs[l] >> (group % 2 * 4) & 15) | (b.qh[l] >> group & 1) << 4;
      y[group * 32 + l] = factor * static_cast<float>(q) - offset;
    }
  }
}

// Element 128 h + 32 s + l: low 4 bits in the low (s < 2) or high half of ql[64 h + 32 (s % 2) +
// l], high 2 bits at bit 2s of qh[32 h + l].
static inline void DequantizeBlock(const BlockQ6_K& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int half = i / 128, s = i % 128 / 32, l = i % 32;
    const int low = b.ql[half * 64 + s % 2 * 32 + l] >> (s / 2 * 4) & 15;
    const int high = b.qh[half * 32 + l] >> (2 * s) & 3;
    y[i] = d * static_cast<float>(b.scales[i / 16]) * static_cast<float>((low | high << 4) - 32);
  }
}

// Groups of 32 in order, each laid out as an IQ4_NL block.
static inline void DequantizeBlock(const BlockIQ4_XS& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int group = 0; group < 8; ++group) {
    const float factor = d * static_cast<float>(ScaleIQ4XS(b, group) - 32);
    for (int j = 0; j < 16; ++j) {
      y[group * 32 + j] = factor * static_cast<float>(kIQ4Values[b.qs[group * 16 + j] & 15]);
      y[group * 32 + j + 16] = factor * static_cast<float>(kIQ4Values[b.qs[group * 16 + j] >> 4]);
    }
  }
}

// Trit n (0: the most significant) of a TQ1_0 byte: the byte is a fraction of 256 whose base-3
// digits are the trits.
static inline int Trit(uint8_t byte, int n) {
  static const uint8_t kPowersOf3[5] = {1, 3, 9, 27, 81};
  const uint8_t shifted = static_cast<uint8_t>(byte * kPowersOf3[n]);
  return shifted * 3 >> 8;
}

// 160 elements: trit n of byte m is element 32 n + m, 32 bytes; 80 elements: 16 n + m, 16 bytes; 16
// elements: 4 n + m of the 4 bytes qh.
static inline void DequantizeBlock(const BlockTQ1_0& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int n = 0; n < 5; ++n) {
    for (int m = 0; m < 32; ++m) y[n * 32 + m] = static_cast<float>(Trit(b.qs[m], n) - 1) * d;
    for (int m = 0; m < 16; ++m)
      y[160 + n * 16 + m] = static_cast<float>(Trit(b.qs[32 + m], n) - 1) * d;
  }
  for (int n = 0; n < 4; ++n) {
    for (int m = 0; m < 4; ++m) y[240 + n * 4 + m] = static_cast<float>(Trit(b.qh[m], n) - 1) * d;
  }
}

// Elements lie as in Q2_K.
static inline void DequantizeBlock(const BlockTQ2_0& b, float* y) {
  const float d = F16ToF32(b.d);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int q = b.qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    y[i] = static_cast<float>(q - 1) * d;
  }
}

// The 16-bit and 32-bit floats as blocks of one element.
static inline void DequantizeF16(const void* row, int64_t elements, float* y) {
  const uint16_t* bits = static_cast<const uint16_t*>(row);
  for (int64_t i = 0; i < elements; ++i) y[i] = F16ToF32(bits[i]);
}

static inline void DequantizeBf16(const void* row, int64_t elements, float* y) {
  const uint16_t* bits = static_cast<const uint16_t*>(row);
  for (int64_t i = 0; i < elements; ++i) y[i] = Bf16ToF32(bits[i]);
}

// y[0 .. elements) from a row of `type`. Returns false for a type that is neither a float nor a
// block type.
static inline bool DequantizeRow(kl_dtype type, const void* row, int64_t elements, float* y) {
#define KL_DEQUANTIZE_ROW(id, Block, count)                                                   \
  case id: {                                                                                  \
    const Block* blocks = static_cast<const Block*>(row);                                     \
    for (int64_t b = 0; b < elements / count; ++b) DequantizeBlock(blocks[b], y + b * count); \
    return true;                                                                              \
  }
  switch (type) {
    case KL_TYPE_F32:
      memcpy(y, row, static_cast<size_t>(elements) * sizeof(float));
      return true;
    case KL_TYPE_F16:
      DequantizeF16(row, elements, y);
      return true;
    case KL_TYPE_BF16:
      DequantizeBf16(row, elements, y);
      return true;
      KL_DEQUANTIZE_ROW(KL_TYPE_Q4_0, BlockQ4_0, kSmallBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q4_1, BlockQ4_1, kSmallBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q5_0, BlockQ5_0, kSmallBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q5_1, BlockQ5_1, kSmallBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q8_0, BlockQ8_0, kSmallBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_IQ4_NL, BlockIQ4_NL, kSmallBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q2_K, BlockQ2_K, kSuperBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q3_K, BlockQ3_K, kSuperBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q4_K, BlockQ4_K, kSuperBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q5_K, BlockQ5_K, kSuperBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_Q6_K, BlockQ6_K, kSuperBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_IQ4_XS, BlockIQ4_XS, kSuperBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_TQ1_0, BlockTQ1_0, kSuperBlock)
      KL_DEQUANTIZE_ROW(KL_TYPE_TQ2_0, BlockTQ2_0, kSuperBlock)
    default:
      return false;
  }
#undef KL_DEQUANTIZE_ROW
}

// Whether DequantizeRow reads `type`: the weight types.
static inline bool IsWeightType(kl_dtype type) {
  switch (type) {
    case KL_TYPE_F32:
    case KL_TYPE_F16:
    case KL_TYPE_BF16:
      return true;
    default: {
      const kl_dtype_info info = kl_dtype_info_of(type);
      return info.name != nullptr && info.block_elements > 1;
    }
  }
}

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_DEQUANTIZE_H_
