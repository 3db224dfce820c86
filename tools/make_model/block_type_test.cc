#include "tools/make_model/block_type.h"

#include <cmath>
#include <vector>

#include "core/abi/dtype.h"
#include "gtest/gtest.h"
#include "plugins/common/dequantize.h"

namespace kinglet::tools {
namespace {

// Packs random codes and reads them with the kernels' own dequantisation.
class BlockTypeTest : public testing::TestWithParam<std::string> {
 protected:
  static constexpr size_t kElements = 256 * 64;

  std::vector<float> Weights(double mean_ratio, float step, std::vector<Code>* codes) {
    const BlockType& type = *FindBlockType(GetParam());
    const kl_dtype_info info = kl_dtype_info_of(type.type);
    Random random(1, "weights", 0);
    codes->resize(kElements);
    LevelTable(type, mean_ratio).Draw(&random, codes->data(), kElements);
    std::vector<uint8_t> bytes(kElements / info.block_elements * info.block_bytes);
    for (size_t i = 0; i < kElements / info.block_elements; ++i) {
      type.pack(codes->data() + i * info.block_elements, type.levels.data(), step, &random,
                bytes.data() + i * info.block_bytes);
    }
    std::vector<float> weights(kElements);
    DequantizeRow(type.type, bytes.data(), static_cast<int64_t>(kElements), weights.data());
    return weights;
  }
};

TEST_P(BlockTypeTest, WeightsAreLevelsTimesTheStep) {
  const BlockType& type = *FindBlockType(GetParam());
  std::vector<Code> codes;
  const float step = 0.0625f;
  const std::vector<float> weights = Weights(0, step, &codes);
  const bool varies = GetParam() == "q4_k" || GetParam() == "q5_k" || GetParam() == "q6_k" ||
                      GetParam() == "iq4_xs";
  for (size_t i = 0; i < kElements; ++i) {
    const float level = type.levels[codes[i]] * step;
    // Sub-block scales vary by a quarter where a type has them with enough bits.
    ASSERT_NEAR(weights[i], level, std::abs(level) * (varies ? 0.26 : 0.01) + 1e-6) << i;
  }
}

TEST_P(BlockTypeTest, MeanAndDeviationAreTheOnesPromised) {
  const LevelTable table(*FindBlockType(GetParam()), 0.5);
  std::vector<Code> codes;
  const std::vector<float> weights =
      Weights(0.5, static_cast<float>(1 / table.deviation()), &codes);
  double sum = 0;
  double squares = 0;
  for (const float w : weights) {
    sum += w;
    squares += static_cast<double>(w) * w;
  }
  const double mean = sum / kElements;
  EXPECT_NEAR(mean, 0.5, 0.05);
  EXPECT_NEAR(std::sqrt(squares / kElements - mean * mean), 1.0, 0.06);
}

INSTANTIATE_TEST_SUITE_P(AllTypes, BlockTypeTest, testing::ValuesIn(BlockTypeNames()),
                         [](const auto& info) { return info.param; });

TEST(LevelTableTest, SmallMeansAreExact) {
  const LevelTable table(*FindBlockType("q4_0"), -0.015);
  EXPECT_NEAR(table.mean() / table.deviation(), -0.015, 0.001);
}

TEST(HalfTest, AllFiniteHalvesSurviveTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7C00) == 0x7C00) continue;
    const uint16_t half = static_cast<uint16_t>(bits);
    EXPECT_EQ(HalfFromFloat(FloatFromHalf(half)), half);
  }
}

TEST(HalfTest, RoundsToNearestEven) {
  EXPECT_EQ(HalfFromFloat(1.0f + 0x1p-11f), 0x3C00);
  EXPECT_EQ(HalfFromFloat(1.0f + 3 * 0x1p-11f), 0x3C02);
  EXPECT_EQ(HalfFromFloat(0x1p-25f), 0x0000);
  EXPECT_EQ(HalfFromFloat(70000.0f), 0x7C00);
}

}  // namespace
}  // namespace kinglet::tools
