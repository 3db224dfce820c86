// Block formats against values worked out by hand from the format's description.
#include "plugins/common/dequantize.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "plugins/common/quantize.h"
#include "plugins/common/random_blocks.h"

namespace kinglet {
namespace {

constexpr uint16_t kHalf = 0x3800;      // 0.5
constexpr uint16_t kOne = 0x3c00;       // 1.0
constexpr uint16_t kMinusTwo = 0xc000;  // -2.0

template <typename Block>
Block ZeroBlock() {
  Block block;
  memset(&block, 0, sizeof block);
  return block;
}

template <typename Block>
std::vector<float> Values(const Block& block, int64_t elements) {
  std::vector<float> y(static_cast<size_t>(elements));
  DequantizeBlock(block, y.data());
  return y;
}

TEST(DequantizeTest, Q4_0HoldsElementsJAndJPlus16InOneByte) {
  BlockQ4_0 block = ZeroBlock<BlockQ4_0>();
  block.d = kHalf;
  block.qs[0] = 0x9f;
  const std::vector<float> y = Values(block, 32);
  EXPECT_EQ(y[0], 3.5f);   // (15 - 8) / 2
  EXPECT_EQ(y[16], 0.5f);  // (9 - 8) / 2
  EXPECT_EQ(y[1], -4.0f);  // (0 - 8) / 2
  EXPECT_EQ(y[31], -4.0f);
}

TEST(DequantizeTest, Q4_1AddsTheMinimum) {
  BlockQ4_1 block = ZeroBlock<BlockQ4_1>();
  block.d = kHalf;
  block.m = kMinusTwo;
  block.qs[15] = 0x3c;
  const std::vector<float> y = Values(block, 32);
  EXPECT_EQ(y[15], 4.0f);   // 12 / 2 - 2
  EXPECT_EQ(y[31], -0.5f);  // 3 / 2 - 2
  EXPECT_EQ(y[0], -2.0f);
}

TEST(DequantizeTest, Q5_0TakesTheFifthBitFromQh) {
  BlockQ5_0 block = ZeroBlock<BlockQ5_0>();
  block.d = kOne;
  block.qs[2] = 0x71;
  block.qh[0] = 1 << 2;  // element 2
  block.qh[2] = 1 << 2;  // element 18
  block.qh[3] = 0x80;    // element 31
  const std::vector<float> y = Values(block, 32);
  EXPECT_EQ(y[2], 1.0f);   // 16 + 1 - 16
  EXPECT_EQ(y[18], 7.0f);  // 16 + 7 - 16
  EXPECT_EQ(y[31], 0.0f);  // 16 + 0 - 16
  EXPECT_EQ(y[3], -16.0f);
}

TEST(DequantizeTest, Q5_1TakesTheFifthBitFromQhAndAddsTheMinimum) {
  BlockQ5_1 block = ZeroBlock<BlockQ5_1>();
  block.d = kHalf;
  block.m = kOne;
  block.qs[9] = 0xf0;
  block.qh[3] = 1 << 1;  // element 25
  const std::vector<float> y = Values(block, 32);
  EXPECT_EQ(y[9], 1.0f);
  EXPECT_EQ(y[25], 16.5f);  // 31 / 2 + 1
}

TEST(DequantizeTest, Q8_0IsSigned) {
  BlockQ8_0 block = ZeroBlock<BlockQ8_0>();
  block.d = kHalf;
  block.qs[0] = -128;
  block.qs[31] = 127;
  const std::vector<float> y = Values(block, 32);
  EXPECT_EQ(y[0], -64.0f);
  EXPECT_EQ(y[31], 63.5f);
}

TEST(DequantizeTest, Iq4NlLooksUpItsCodebook) {
  BlockIQ4_NL block = ZeroBlock<BlockIQ4_NL>();
  block.d = kOne;
  block.qs[4] = 0xf8;
  const std::vector<float> y = Values(block, 32);
  EXPECT_EQ(y[4], 1.0f);
  EXPECT_EQ(y[20], 113.0f);
  EXPECT_EQ(y[0], -127.0f);
}

TEST(DequantizeTest, Q2KScalesGroupsOf16) {
  BlockQ2_K block = ZeroBlock<BlockQ2_K>();
  block.d = kOne;
  block.dmin = kHalf;
  block.scales[0] = 0x25;   // elements 0..15: scale 5, min 2
  block.scales[3] = 0x13;   // 48..63: scale 3, min 1
  block.scales[15] = 0xf1;  // 240..255: scale 1, min 15
  block.qs[0] = 0x03;       // element 0: 3
  block.qs[16] = 0x08;      // element 16 + 32: 2
  block.qs[63] = 0xc0;      // element 128 + 96 + 31: 3
  const std::vector<float> y = Values(block, 256);
  EXPECT_EQ(y[0], 14.0f);  // 5 * 3 - 2 / 2
  EXPECT_EQ(y[1], -1.0f);
  EXPECT_EQ(y[48], 5.5f);    // 3 * 2 - 1 / 2
  EXPECT_EQ(y[255], -4.5f);  // 1 * 3 - 15 / 2
  EXPECT_EQ(y[100], 0.0f);
}

TEST(DequantizeTest, Q3KUnpacksSixBitScalesAndTheThirdBit) {
  BlockQ3_K block = ZeroBlock<BlockQ3_K>();
  block.d = kOne;
  // Scale 0: low 4 bits in byte 0, high 2 in bits 0, 1 of byte 8: 0b10'0011 = 35, that is 3.
  // Scale 13: low in the high half of byte 5, high in bits 6, 7 of byte 9: 0b11'1111 = 63, 31.
  block.scales[0] = 0x03;
  block.scales[8] = 0x02;
  block.scales[5] = 0xf0;
  block.scales[9] = 0xc0;
  block.qs[0] = 0x02;
  block.hmask[0] = 0x01;     // element 0: 2
  block.qs[32 + 16] = 0x00;  // element 208 = 128 + 2 * 32 + 16: 0, bit 6 of hmask[16] clear: -4
  const std::vector<float> y = Values(block, 256);
  EXPECT_EQ(y[0], 6.0f);       // 3 * 2
  EXPECT_EQ(y[1], -12.0f);     // 3 * (0 - 4)
  EXPECT_EQ(y[208], -124.0f);  // 31 * -4
  EXPECT_EQ(y[32], 128.0f);    // scale 0 stands for -32; -32 * -4
}

// The twelve bytes that hold eight scales and eight mins.
void PackScalesMins(const int* scales, const int* mins, uint8_t* bytes) {
  memset(bytes, 0, 12);
  for (int j = 0; j < 8; ++j) {
    if (j < 4) {
      bytes[j] = static_cast<uint8_t>(bytes[j] | scales[j]);
      bytes[j + 4] = static_cast<uint8_t>(bytes[j + 4] | mins[j]);
    } else {
      bytes[j + 4] = static_cast<uint8_t>((scales[j] & 15) | (mins[j] & 15) << 4);
      bytes[j - 4] = static_cast<uint8_t>(bytes[j - 4] | (scales[j] >> 4) << 6);
      bytes[j] = static_cast<uint8_t>(bytes[j] | (mins[j] >> 4) << 6);
    }
  }
}

TEST(DequantizeTest, SixBitScalesAndMinsOfEveryGroupUnpackToWhatWasPacked) {
  Random random = {5};
  for (int repetition = 0; repetition < 200; ++repetition) {
    int scales[8], mins[8];
    for (int j = 0; j < 8; ++j) {
      scales[j] = static_cast<int>(NextInteger(&random, 0, 63));
      mins[j] = static_cast<int>(NextInteger(&random, 0, 63));
    }
    uint8_t bytes[12];
    PackScalesMins(scales, mins, bytes);
    for (int j = 0; j < 8; ++j) {
      uint8_t scale, min;
      ScaleMinK(bytes, j, &scale, &min);
      EXPECT_EQ(scale, scales[j]) << "group " << j;
      EXPECT_EQ(min, mins[j]) << "group " << j;
    }
  }
}

TEST(DequantizeTest, Q4KPairsGroupsInTheHalvesOfItsBytes) {
  const int scales[8] = {1, 2, 3, 4, 50, 6, 7, 63};
  const int mins[8] = {0, 1, 2, 3, 4, 5, 6, 40};
  BlockQ4_K block = ZeroBlock<BlockQ4_K>();
  block.d = kOne;
  block.dmin = kHalf;
  PackScalesMins(scales, mins, block.scales);
  block.qs[0] = 0xa5;       // elements 0 and 32
  block.qs[64 + 7] = 0x9c;  // elements 128 + 7 and 160 + 7: groups 4 and 5
  block.qs[127] = 0xf0;     // element 255: group 7
  const std::vector<float> y = Values(block, 256);
  EXPECT_EQ(y[0], 5.0f);
  EXPECT_EQ(y[32], 19.5f);    // 2 * 10 - 1 / 2
  EXPECT_EQ(y[135], 598.0f);  // 50 * 12 - 4 / 2
  EXPECT_EQ(y[167], 51.5f);   // 6 * 9 - 5 / 2
  EXPECT_EQ(y[255], 925.0f);  // 63 * 15 - 40 / 2
}

TEST(DequantizeTest, Q5KTakesTheFifthBitFromItsGroupsBitOfQh) {
  const int scales[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const int mins[8] = {0, 0, 0, 0, 0, 0, 0, 2};
  BlockQ5_K block = ZeroBlock<BlockQ5_K>();
  block.d = kOne;
  block.dmin = kOne;
  PackScalesMins(scales, mins, block.scales);
  block.qs[32 + 3] = 0x41;  // elements 64 + 3 and 96 + 3
  block.qh[3] = 1 << 2;     // group 2 of l = 3
  block.qh[31] = 1 << 7;    // group 7 of l = 31
  const std::vector<float> y = Values(block, 256);
  EXPECT_EQ(y[67], 51.0f);    // 3 * (16 + 1)
  EXPECT_EQ(y[99], 16.0f);    // 4 * 4
  EXPECT_EQ(y[255], 126.0f);  // 8 * 16 - 2
}

TEST(DequantizeTest, Q6KJoinsFourLowAndTwoHighBits) {
  BlockQ6_K block = ZeroBlock<BlockQ6_K>();
  block.d = kHalf;
  for (int g = 0; g < 16; ++g) block.scales[g] = static_cast<int8_t>(g - 8);
  block.ql[64 + 32 + 5] = 0x7b;  // elements 128 + 32 + 5 (low half) and 128 + 96 + 5 (high half)
  block.qh[32 + 5] = 0x8c;       // bits 2, 3 (s = 1): 3; bits 6, 7 (s = 3): 2
  const std::vector<float> y = Values(block, 256);
  EXPECT_EQ(y[165], 27.0f);  // group 10: 2 * ((0xb | 3 << 4) - 32) / 2 = 59 - 32
  EXPECT_EQ(y[229], 21.0f);  // group 14: 6 * ((7 | 2 << 4) - 32) / 2 = 3 * 7
  EXPECT_EQ(y[0], 128.0f);   // group 0: -8 * -32 / 2
}

TEST(DequantizeTest, Iq4XsScalesGroupsOf32) {
  BlockIQ4_XS block = ZeroBlock<BlockIQ4_XS>();
  block.d = kOne;
  block.scales_l[1] = 0x3a;          // groups 2: 10, 3: 3
  block.scales_h = 2 << 4 | 1 << 6;  // groups 2: 2, 3: 1
  block.qs[2 * 16 + 1] = 0x9f;       // elements 64 + 1 and 64 + 17
  block.qs[3 * 16] = 0x08;           // elements 96 and 112
  const std::vector<float> y = Values(block, 256);
  EXPECT_EQ(y[65], 1130.0f);   // (10 + 32 - 32) * 113
  EXPECT_EQ(y[81], 130.0f);    // 10 * 13
  EXPECT_EQ(y[96], -13.0f);    // (3 + 16 - 32) * 1
  EXPECT_EQ(y[112], 1651.0f);  // -13 * -127
}

TEST(DequantizeTest, Tq1DecodesFiveTritsOfEveryByte) {
  // Every number of five trits, encoded as the format says, decodes to its trits.
  for (int value = 0; value < 243; ++value) {
    const uint8_t byte = static_cast<uint8_t>((value * 256 + 242) / 243);
    int rest = value;
    for (int n = 4; n >= 0; --n, rest /= 3)
      EXPECT_EQ(Trit(byte, n), rest % 3) << value << " trit " << n;
  }
}

TEST(DequantizeTest, Tq1PlacesItsThreeRuns) {
  BlockTQ1_0 block = ZeroBlock<BlockTQ1_0>();
  block.d = kHalf;
  // Trits 2, 0, 1, 2, 1: 2 * 81 + 0 + 9 + 2 * 3 + 1 = 178.
  const uint8_t byte = static_cast<uint8_t>((178 * 256 + 242) / 243);
  block.qs[7] = byte;       // elements 7, 39, 71, 103, 135
  block.qs[32 + 2] = byte;  // elements 162, 178, 194, 210, 226
  block.qh[3] = byte;       // elements 243, 247, 251, 255
  const std::vector<float> y = Values(block, 256);
  const float expected[5] = {0.5f, -0.5f, 0.0f, 0.5f, 0.0f};
  for (int n = 0; n < 5; ++n) {
    EXPECT_EQ(y[static_cast<size_t>(7 + 32 * n)], expected[n]);
    EXPECT_EQ(y[static_cast<size_t>(162 + 16 * n)], expected[n]);
  }
  for (int n = 0; n < 4; ++n) EXPECT_EQ(y[static_cast<size_t>(243 + 4 * n)], expected[n]);
  EXPECT_EQ(y[8], -0.5f);
}

TEST(DequantizeTest, Tq2HoldsFourElementsInAByte) {
  BlockTQ2_0 block = ZeroBlock<BlockTQ2_0>();
  block.d = kMinusTwo;
  block.qs[32 + 1] = 0x62;  // 2, 0, 2, 1 from the low end
  const std::vector<float> y = Values(block, 256);
  EXPECT_EQ(y[129], -2.0f);
  EXPECT_EQ(y[161], 2.0f);
  EXPECT_EQ(y[193], -2.0f);
  EXPECT_EQ(y[225], 0.0f);
  EXPECT_EQ(y[0], 2.0f);
}

constexpr kl_dtype kWeightTypes[] = {
    KL_TYPE_F32,  KL_TYPE_F16,    KL_TYPE_BF16,   KL_TYPE_Q4_0,  KL_TYPE_Q4_1, KL_TYPE_Q5_0,
    KL_TYPE_Q5_1, KL_TYPE_Q8_0,   KL_TYPE_Q2_K,   KL_TYPE_Q3_K,  KL_TYPE_Q4_K, KL_TYPE_Q5_K,
    KL_TYPE_Q6_K, KL_TYPE_IQ4_NL, KL_TYPE_IQ4_XS, KL_TYPE_TQ1_0, KL_TYPE_TQ2_0};

class WeightTypeTest : public testing::TestWithParam<kl_dtype> {};

TEST_P(WeightTypeTest, RowsDequantiseBlockByBlock) {
  const kl_dtype type = GetParam();
  ASSERT_TRUE(IsWeightType(type));
  const int64_t block = kl_dtype_info_of(type).block_elements;
  Random random = {static_cast<uint64_t>(type) + 1};
  std::vector<uint8_t> row(kl_row_bytes(type, static_cast<uint64_t>(3 * block)));
  ASSERT_TRUE(RandomRow(type, &random, 1.0, 3 * block, row.data()));
  std::vector<float> whole(static_cast<size_t>(3 * block)), last(static_cast<size_t>(block));
  ASSERT_TRUE(DequantizeRow(type, row.data(), 3 * block, whole.data()));
  ASSERT_TRUE(DequantizeRow(type, row.data() + kl_row_bytes(type, static_cast<uint64_t>(2 * block)),
                            block, last.data()));
  EXPECT_EQ(std::vector<float>(whole.end() - block, whole.end()), last);
}

TEST_P(WeightTypeTest, RandomRowsHaveTheWantedSpread) {
  const kl_dtype type = GetParam();
  Random random = {static_cast<uint64_t>(type) + 2};
  constexpr int64_t kElements = 256 * 100;
  std::vector<uint8_t> row(kl_row_bytes(type, kElements));
  std::vector<float> values(kElements);
  for (const double deviation : {0.02, 3.0}) {
    ASSERT_TRUE(RandomRow(type, &random, deviation, kElements, row.data()));
    ASSERT_TRUE(DequantizeRow(type, row.data(), kElements, values.data()));
    double sum = 0.0, squares = 0.0;
    for (const float v : values) {
      ASSERT_TRUE(std::isfinite(v));
      sum += v;
      squares += static_cast<double>(v) * v;
    }
    EXPECT_NEAR(std::sqrt(squares / kElements), deviation, 0.1 * deviation);
    EXPECT_NEAR(sum / kElements, 0.0, 0.1 * deviation);
  }
}

INSTANTIATE_TEST_SUITE_P(All, WeightTypeTest, testing::ValuesIn(kWeightTypes),
                         [](const testing::TestParamInfo<kl_dtype>& info) {
                           return std::string(kl_dtype_info_of(info.param).name);
                         });

TEST(DequantizeTest, RefusesTypesThatAreNoWeights) {
  float y[4];
  const int32_t row[4] = {};
  const kl_dtype others[] = {KL_TYPE_I32, KL_TYPE_NONE, KL_TYPE_ANY, 4, 31};
  for (const kl_dtype type : others) {
    EXPECT_FALSE(IsWeightType(type)) << type;
    EXPECT_FALSE(DequantizeRow(type, row, 4, y)) << type;
  }
}

TEST(QuantizeTest, Q8_0IsWithinHalfAStep) {
  Random random = {9};
  std::vector<float> x(256), y(256);
  for (float& v : x) v = static_cast<float>(NextNormal(&random));
  std::vector<BlockQ8_0> blocks(8);
  QuantizeRowQ8_0(x.data(), 256, blocks.data());
  DequantizeRow(KL_TYPE_Q8_0, blocks.data(), 256, y.data());
  for (size_t i = 0; i < x.size(); ++i) {
    // Half a step, and what rounding the scale to f16 moves 127 steps.
    const float step = F16ToF32(blocks[i / 32].d);
    EXPECT_NEAR(x[i], y[i], 0.5f * step + 127.0f * step * 0.0005f);
  }
}

TEST(QuantizeTest, Q4_0KeepsTheLargestElementAndStaysWithinAStep) {
  Random random = {10};
  std::vector<float> x(256), y(256);
  for (float& v : x) v = static_cast<float>(NextNormal(&random));
  x[40] = -9.0f;
  std::vector<BlockQ4_0> blocks(8);
  QuantizeRowQ4_0(x.data(), 256, blocks.data());
  DequantizeRow(KL_TYPE_Q4_0, blocks.data(), 256, y.data());
  EXPECT_EQ(y[40], -9.0f);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(x[i], y[i], 1.01f * std::fabs(F16ToF32(blocks[i / 32].d))) << i;
  }
}

TEST(QuantizeTest, ZeroStaysZero) {
  const std::vector<float> x(32, 0.0f);
  std::vector<float> y(32, 1.0f);
  BlockQ4_0 q4;
  BlockQ8_0 q8;
  QuantizeRowQ4_0(x.data(), 32, &q4);
  DequantizeBlock(q4, y.data());
  EXPECT_EQ(x, y);
  QuantizeRowQ8_0(x.data(), 32, &q8);
  DequantizeBlock(q8, y.data());
  EXPECT_EQ(x, y);
}

}  // namespace
}  // namespace kinglet
