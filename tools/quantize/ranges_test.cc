#include "tools/quantize/ranges.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

TEST(RangesTest, CodesCoverTheRangeAndZero) {
  const CodeScale positive = ScaleOf(2.0, 5.1);  // from 0, which needs a code
  EXPECT_FLOAT_EQ(positive.scale, 0.02f);
  EXPECT_EQ(positive.zero_point, -128);
  const CodeScale negative = ScaleOf(-2.55, -1.0);
  EXPECT_FLOAT_EQ(negative.scale, 0.01f);
  EXPECT_EQ(negative.zero_point, 127);
  EXPECT_EQ(ScaleOf(-1.0, 1.0).zero_point, -1);  // -0.500008: the scale is an f32
  EXPECT_EQ(ScaleOf(0.0, 0.0).scale, 1.0f);
}

TEST(RangesTest, APercentileCutsBothEnds) {
  ValueRange range;
  std::vector<float> values(1000, 1.0f);
  values.insert(values.end(), 1000, -1.0f);
  values.push_back(100.0f);
  values.push_back(-50.0f);
  ASSERT_TRUE(range.Add(values.data(), values.size()));
  range.Count(values.data(), values.size());
  EXPECT_FLOAT_EQ(range.Whole().scale, 150.0f / 255.0f);
  EXPECT_NEAR(range.Within(99.0).scale, 2.0 / 255.0, 2.0 * 150 / 2048 / 255);
  EXPECT_NEAR(range.Within(100.0).scale, 150.0 / 255.0, 1e-3);
}

TEST(RangesTest, OnlyFiniteValuesHaveARange) {
  ValueRange range;
  const float bad[] = {1.0f, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_FALSE(range.Add(bad, 2));
}

TEST(RangesTest, WeightsAreSymmetricForEachChannel) {
  std::vector<float> scales;
  const std::vector<float> weights = {1.27f, -0.5f, 0.0f, 0.0f, 0.0127f, -0.0127f};
  QuantizeChannels(weights, 3, &scales);
  EXPECT_THAT(scales, ElementsAre(FloatEq(0.01f), FloatEq(0.01f), FloatEq(0.0001f)));
  EXPECT_THAT(CodesOf(weights, scales), ElementsAre(127, -50, 0, 0, 127, -127));
}

}  // namespace
}  // namespace kinglet::tools
