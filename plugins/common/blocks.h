// The bytes of GGUF's block types: what lies in a file, and in a weight with KL_LAYOUT_ROWS.
//
// A row of n elements is n / 32 or n / 256 blocks, one after the other. f16 scales are kept as bits
// (uint16_t); the structs have alignment 1 or 2 and weights may be aligned to 4 only. dequantize.h
// says what the fields mean.
//
// Source: the GGUF format document and the public definitions of its types; sizes as in
// core/abi/dtype.h.
#ifndef KINGLET_PLUGINS_COMMON_BLOCKS_H_
#define KINGLET_PLUGINS_COMMON_BLOCKS_H_

#include <stdint.h>

namespace kinglet {

enum { kSmallBlock = 32, kSuperBlock = 256 };  // elements of one block

// ---- 32 elements. Element j is in the low half of qs[j], element j + 16 in the high half. ----

struct BlockQ4_0 {  // (q - 8) * d
  uint16_t d;
  uint8_t qs[16];
};

struct BlockQ4_1 {  // q * d + m
  uint16_t d;
  uint16_t m;
  uint8_t qs[16];
};

struct BlockQ5_0 {  // (q - 16) * d; bit 4 of element j is bit j of qh (little endian)
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[16];
};

struct BlockQ5_1 {  // q * d + m; qh as in Q5_0
  uint16_t d;
  uint16_t m;
  uint8_t qh[4];
  uint8_t qs[16];
};

struct BlockQ8_0 {  // q * d
  uint16_t d;
  int8_t qs[32];
};

struct BlockIQ4_NL {  // kIQ4Values[q] * d
  uint16_t d;
  uint8_t qs[16];
};

// ---- 256 elements ----

struct BlockQ2_K {  // 16 groups of 16: d * (scale & 15) * q - dmin * (scale >> 4)
  uint8_t scales[16];
  uint8_t qs[64];
  uint16_t d;
  uint16_t dmin;
};

struct BlockQ3_K {  // 16 groups of 16: d * (scale - 32) * (q - 4), q of 2 bits in qs and 1 in hmask
  uint8_t hmask[32];
  uint8_t qs[64];
  uint8_t scales[12];  // 16 scales of 6 bits
  uint16_t d;
};

struct BlockQ4_K {  // 8 groups of 32: d * scale * q - dmin * min
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];  // 8 scales and 8 mins of 6 bits, see ScaleMinK
  uint8_t qs[128];
};

struct BlockQ5_K {  // as Q4_K with a fifth bit in qh
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
};

struct BlockQ6_K {  // 16 groups of 16: d * scale * (q - 32)
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  uint16_t d;
};

struct BlockIQ4_XS {  // 8 groups of 32: d * (scale - 32) * kIQ4Values[q]
  uint16_t d;
  uint16_t scales_h;
  uint8_t scales_l[4];
  uint8_t qs[128];
};

struct BlockTQ1_0 {  // (trit - 1) * d; 5 trits a byte in qs, 4 in qh
  uint8_t qs[48];
  uint8_t qh[4];
  uint16_t d;
};

struct BlockTQ2_0 {  // (q - 1) * d, q of 2 bits
  uint8_t qs[64];
  uint16_t d;
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20, "GGUF sizes");
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24, "GGUF sizes");
static_assert(sizeof(BlockQ8_0) == 34 && sizeof(BlockIQ4_NL) == 18, "GGUF sizes");
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110, "GGUF sizes");
static_assert(sizeof(BlockQ4_K) == 144 && sizeof(BlockQ5_K) == 176, "GGUF sizes");
static_assert(sizeof(BlockQ6_K) == 210 && sizeof(BlockIQ4_XS) == 136, "GGUF sizes");
static_assert(sizeof(BlockTQ1_0) == 54 && sizeof(BlockTQ2_0) == 66, "GGUF sizes");

// The codebook of IQ4_NL and IQ4_XS.
static const int8_t kIQ4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

// Scale and min of group j (0..7) of a Q4_K or Q5_K block, 0..63 each. The first four of each are
// the low 6 bits of bytes 0..3 and 4..7; the others have their low 4 bits in bytes 8..11 and their
// high 2 in the tops of bytes 0..7.
static inline void ScaleMinK(const uint8_t* scales, int j, uint8_t* scale, uint8_t* min) {
  if (j < 4) {
    *scale = scales[j] & 63;
    *min = scales[j + 4] & 63;
  } else {
    *scale = static_cast<uint8_t>((scales[j + 4] & 15) | (scales[j - 4] >> 6) << 4);
    *min = static_cast<uint8_t>((scales[j + 4] >> 4) | (scales[j] >> 6) << 4);
  }
}

// Scale of group j (0..15) of a Q3_K block, 0..63 (32 stands for zero): low 4 bits in the halves of
// bytes 0..7, high 2 in bytes 8..11.
static inline uint8_t ScaleQ3K(const uint8_t* scales, int j) {
  const int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
  const int high = scales[8 + j % 4] >> (2 * (j / 4)) & 3;
  return static_cast<uint8_t>(low | high << 4);
}

// Scale of group j (0..7) of an IQ4_XS block, 0..63.
static inline uint8_t ScaleIQ4XS(const BlockIQ4_XS& block, int j) {
  const int low = block.scales_l[j / 2] >> (4 * (j % 2)) & 15;
  const int high = block.scales_h >> (2 * j) & 3;
  return static_cast<uint8_t>(low | high << 4);
}

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_BLOCKS_H_
