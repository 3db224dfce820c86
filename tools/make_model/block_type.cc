#include "tools/make_model/block_type.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/abi/dtype.h"

namespace kinglet::tools {
namespace {

void PutHalf(float value, uint8_t* out) {
  const uint16_t half = HalfFromFloat(value);
  std::memcpy(out, &half, sizeof half);
}

void PackF32(const Code* codes, const float* levels, float step, Random*, uint8_t* out) {
  const float value = levels[codes[0]] * step;
  std::memcpy(out, &value, sizeof value);
}

void PackF16(const Code* codes, const float* levels, float step, Random*, uint8_t* out) {
  PutHalf(levels[codes[0]] * step, out);
}

void PackBf16(const Code* codes, const float* levels, float step, Random*, uint8_t* out) {
  const float value = levels[codes[0]] * step;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint16_t high = static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
  std::memcpy(out, &high, sizeof high);
}

void PackNibbles(const Code* codes, uint8_t* out) {
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 16] & 15) << 4);
  }
}

void PackHighBits(const Code* codes, uint8_t* out) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<uint32_t>(codes[i] >> 4 & 1) << i;
  std::memcpy(out, &bits, sizeof bits);
}

// d * (q - 8)
void PackQ40(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  PutHalf(step, out);
  PackNibbles(codes, out + 2);
}

// d * q + m with m = -8 d
void PackQ41(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  PutHalf(step, out);
  PutHalf(-8 * FloatFromHalf(HalfFromFloat(step)), out + 2);
  PackNibbles(codes, out + 4);
}

void PackQ50(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  PutHalf(step, out);
  PackHighBits(codes, out + 2);
  PackNibbles(codes, out + 6);
}

void PackQ51(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  PutHalf(step, out);
  PutHalf(-16 * FloatFromHalf(HalfFromFloat(step)), out + 2);
  PackHighBits(codes, out + 4);
  PackNibbles(codes, out + 8);
}

void PackQ80(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  PutHalf(step, out);
  for (int i = 0; i < 32; ++i) out[2 + i] = static_cast<uint8_t>(static_cast<int>(codes[i]) - 127);
}

// x = d * s * q - dmin * m; levels are 2 q - 3, so dmin * m = 1.5 * (2 d s).
// Sixteen sub-blocks of 16; s = 10 and m = 15 in each: 4-bit scales leave no room to vary.
void PackQ2K(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  uint8_t* scales = out;
  uint8_t* low = out + 16;
  std::memset(scales, 10 | 15 << 4, 16);
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 32; ++i) {
      uint8_t byte = 0;
      for (int part = 0; part < 4; ++part) {
        byte |= static_cast<uint8_t>(codes[half * 128 + part * 32 + i] << (2 * part));
      }
      low[half * 32 + i] = byte;
    }
  }
  PutHalf(step / 5, out + 80);
  PutHalf(step / 5, out + 82);
}

// x = d * (s - 32) * (q - 4), the third bit of q apart. s = 33 gives one step in every sub-block.
void PackQ3K(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  uint8_t* high = out;
  uint8_t* low = out + 32;
  uint8_t* scales = out + 96;
  std::memset(high, 0, 32);
  for (int i = 0; i < 256; ++i) high[i % 32] |= static_cast<uint8_t>((codes[i] >> 2) << (i / 32));
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 32; ++i) {
      uint8_t byte = 0;
      for (int part = 0; part < 4; ++part) {
        byte |= static_cast<uint8_t>((codes[half * 128 + part * 32 + i] & 3) << (2 * part));
      }
      low[half * 32 + i] = byte;
    }
  }
  std::memset(scales, 0x11, 8);
  std::memset(scales + 8, 0xAA, 4);
  PutHalf(step, out + 108);
}

// Eight 6-bit scales near 32 and their minima in the 12 bytes of q4_k and q5_k. The minimum of a
// sub-block has the number of its scale, so that dmin / d alone centres the levels.
void PackScales(Random* random, uint8_t* out) {
  uint8_t scale[8];
  const uint64_t bits = random->Next();
  for (int i = 0; i < 8; ++i) scale[i] = static_cast<uint8_t>(25 + (bits >> (4 * i) & 15));
  for (int i = 0; i < 4; ++i) {
    out[i] = static_cast<uint8_t>(scale[i] | (scale[i + 4] >> 4) << 6);
    out[i + 4] = out[i];
    out[i + 8] = static_cast<uint8_t>((scale[i + 4] & 15) | (scale[i + 4] & 15) << 4);
  }
}

void PackQ4K(const Code* codes, const float*, float step, Random* random, uint8_t* out) {
  PutHalf(step / 32, out);
  PutHalf(8 * FloatFromHalf(HalfFromFloat(step / 32)), out + 2);
  PackScales(random, out + 4);
  for (int pair = 0; pair < 4; ++pair) {
    for (int i = 0; i < 32; ++i) {
      out[16 + pair * 32 + i] =
          static_cast<uint8_t>(codes[pair * 64 + i] | codes[pair * 64 + 32 + i] << 4);
    }
  }
}

void PackQ5K(const Code* codes, const float*, float step, Random* random, uint8_t* out) {
  PutHalf(step / 32, out);
  PutHalf(16 * FloatFromHalf(HalfFromFloat(step / 32)), out + 2);
  PackScales(random, out + 4);
  uint8_t* high = out + 16;
  std::memset(high, 0, 32);
  for (int i = 0; i < 256; ++i) high[i % 32] |= static_cast<uint8_t>((codes[i] >> 4) << (i / 32));
  for (int pair = 0; pair < 4; ++pair) {
    for (int i = 0; i < 32; ++i) {
      out[48 + pair * 32 + i] =
          static_cast<uint8_t>((codes[pair * 64 + i] & 15) | (codes[pair * 64 + 32 + i] & 15) << 4);
    }
  }
}

void PackQ6K(const Code* codes, const float*, float step, Random* random, uint8_t* out) {
  uint8_t* low = out;
  uint8_t* high = out + 128;
  uint8_t* scales = out + 192;
  for (int half = 0; half < 2; ++half) {
    const Code* c = codes + half * 128;
    for (int i = 0; i < 32; ++i) {
      low[half * 64 + i] = static_cast<uint8_t>((c[i] & 15) | (c[i + 64] & 15) << 4);
      low[half * 64 + 32 + i] = static_cast<uint8_t>((c[i + 32] & 15) | (c[i + 96] & 15) << 4);
      high[half * 32 + i] = static_cast<uint8_t>(c[i] >> 4 | (c[i + 32] >> 4) << 2 |
                                                 (c[i + 64] >> 4) << 4 | (c[i + 96] >> 4) << 6);
    }
  }
  const uint64_t bits = random->Next();
  for (int i = 0; i < 16; ++i) scales[i] = static_cast<uint8_t>(57 + (bits >> (4 * i) & 15));
  PutHalf(step / 64, out + 208);
}

constexpr float kNonLinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                  1,    13,   25,  38,  53,  69,  89,  113};

void PackIq4Xs(const Code* codes, const float*, float step, Random* random, uint8_t* out) {
  PutHalf(step / 16, out);
  const uint64_t bits = random->Next();
  uint16_t high = 0;
  uint8_t* low = out + 4;
  std::memset(low, 0, 4);
  for (int i = 0; i < 8; ++i) {
    const unsigned scale =
        32 + 12 + static_cast<unsigned>(bits >> (3 * i) & 7);  // minus 32: 12 .. 19
    high = static_cast<uint16_t>(high | (scale >> 4) << (2 * i));
    low[i / 2] |= static_cast<uint8_t>((scale & 15) << (4 * (i % 2)));
  }
  std::memcpy(out + 2, &high, sizeof high);
  for (int block = 0; block < 8; ++block) PackNibbles(codes + block * 32, out + 8 + block * 16);
}

// Five trits a byte, most significant first, as the ceiling of a fraction of 256.
uint8_t PackTrits(const Code* codes, int count, int stride) {
  unsigned value = 0;
  for (int i = 0; i < 5; ++i) value = value * 3 + (i < count ? codes[i * stride] : 0u);
  return static_cast<uint8_t>((value * 256 + 242) / 243);
}

void PackTq10(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  for (int i = 0; i < 32; ++i) out[i] = PackTrits(codes + i, 5, 32);
  for (int i = 0; i < 16; ++i) out[32 + i] = PackTrits(codes + 160 + i, 5, 16);
  for (int i = 0; i < 4; ++i) out[48 + i] = PackTrits(codes + 240 + i, 4, 4);
  PutHalf(step, out + 52);
}

void PackTq20(const Code* codes, const float*, float step, Random*, uint8_t* out) {
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 32; ++i) {
      uint8_t byte = 0;
      for (int part = 0; part < 4; ++part) {
        byte |= static_cast<uint8_t>(codes[half * 128 + part * 32 + i] << (2 * part));
      }
      out[half * 32 + i] = byte;
    }
  }
  PutHalf(step, out + 64);
}

std::vector<float> Integers(int first, int count, int stride = 1) {
  std::vector<float> levels;
  for (int i = 0; i < count; ++i) levels.push_back(static_cast<float>(first + i * stride));
  return levels;
}

// Middles of 4,096 equally likely slices of the normal distribution.
std::vector<float> Quantiles() {
  std::vector<float> levels;
  for (int i = 0; i < 4096; ++i) {
    levels.push_back(static_cast<float>(NormalQuantile((i + 0.5) / 4096)));
  }
  return levels;
}

const std::vector<BlockType>& Table() {
  static const std::vector<BlockType>* const table = [] {
    const std::vector<float> smooth = Quantiles();
    const std::vector<float> non_linear(kNonLinear, kNonLinear + 16);
    return new std::vector<BlockType>{
        {KL_TYPE_F32, smooth, 1, PackF32},
        {KL_TYPE_F16, smooth, 1, PackF16},
        {KL_TYPE_BF16, smooth, 1, PackBf16},
        {KL_TYPE_Q4_0, Integers(-8, 16), 2.6, PackQ40},
        {KL_TYPE_Q4_1, Integers(-8, 16), 2.6, PackQ41},
        {KL_TYPE_Q5_0, Integers(-16, 32), 5.2, PackQ50},
        {KL_TYPE_Q5_1, Integers(-16, 32), 5.2, PackQ51},
        {KL_TYPE_Q8_0, Integers(-127, 255), 36, PackQ80},
        {KL_TYPE_Q2_K, Integers(-3, 4, 2), 1.9, PackQ2K},
        {KL_TYPE_Q3_K, Integers(-4, 8), 1.5, PackQ3K},
        {KL_TYPE_Q4_K, Integers(-8, 16), 2.6, PackQ4K},
        {KL_TYPE_Q5_K, Integers(-16, 32), 5.2, PackQ5K},
        {KL_TYPE_Q6_K, Integers(-32, 64), 10, PackQ6K},
        {KL_TYPE_IQ4_NL, non_linear, 46, PackQ40},
        {KL_TYPE_IQ4_XS, non_linear, 46, PackIq4Xs},
        {KL_TYPE_TQ1_0, Integers(-1, 3), 0.8, PackTq10},
        {KL_TYPE_TQ2_0, Integers(-1, 3), 0.8, PackTq20},
    };
  }();
  return *table;
}

}  // namespace

uint16_t HalfFromFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude >= 0x477FF000u) return static_cast<uint16_t>(sign | 0x7C00u);
  if (magnitude < 0x38800000u) {  // below the smallest normal half: multiples of 2^-24
    float absolute;
    std::memcpy(&absolute, &magnitude, sizeof absolute);
    return static_cast<uint16_t>(sign |
                                 static_cast<uint32_t>(std::nearbyint(absolute * 16777216.0f)));
  }
  const uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u) - 0x38000000u;
  return static_cast<uint16_t>(sign | rounded >> 13);
}

float FloatFromHalf(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const float magnitude = exponent == 0
                              ? std::ldexp(static_cast<float>(fraction), -24)
                              : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

const BlockType* FindBlockType(kl_dtype type) {
  for (const BlockType& row : Table()) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

const BlockType* FindBlockType(const std::string& name) {
  for (const BlockType& row : Table()) {
    if (name == kl_dtype_info_of(row.type).name) return &row;
  }
  return nullptr;
}

std::vector<std::string> BlockTypeNames() {
  std::vector<std::string> names;
  for (const BlockType& row : Table()) names.push_back(kl_dtype_info_of(row.type).name);
  return names;
}

LevelTable::LevelTable(const BlockType& type, double mean_ratio) {
  // Clipping and rounding pull the mean towards 0; a few corrections put it where it was wanted.
  double aim = mean_ratio * type.spread;
  for (int i = 0; i < 4; ++i) {
    Fill(type, aim);
    aim += mean_ratio * deviation_ - mean_;
  }
}

void LevelTable::Fill(const BlockType& type, double mean) {
  static const std::vector<float>* const quantiles = new std::vector<float>(Quantiles());
  const std::vector<float>& levels = type.levels;
  double sum = 0;
  double squares = 0;
  size_t code = 0;
  for (size_t i = 0; i < codes_.size(); ++i) {
    const double wanted = mean + (*quantiles)[i] * type.spread;
    while (code + 1 < levels.size() &&
           std::abs(levels[code + 1] - wanted) <= std::abs(levels[code] - wanted)) {
      ++code;
    }
    codes_[i] = static_cast<Code>(code);
    sum += levels[code];
    squares += static_cast<double>(levels[code]) * levels[code];
  }
  mean_ = sum / codes_.size();
  deviation_ = std::sqrt(squares / codes_.size() - mean_ * mean_);
}

void LevelTable::Draw(Random* random, Code* codes, size_t count) const {
  size_t i = 0;
  for (; i + 5 <= count; i += 5) {
    uint64_t bits = random->Next();
    for (int k = 0; k < 5; ++k, bits >>= kBits) codes[i + k] = codes_[bits & (codes_.size() - 1)];
  }
  for (; i < count; ++i) codes[i] = codes_[random->Next() & (codes_.size() - 1)];
}

}  // namespace kinglet::tools
