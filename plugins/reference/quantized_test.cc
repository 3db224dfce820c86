// Operators of 8-bit codes on numbers worked out by hand: what rounds where.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/common/fixed_point.h"
#include "plugins/reference/cases.h"
#include "plugins/reference/operator_runner.h"

namespace kinglet {
namespace reference {
namespace {

using testing::ElementsAre;
using Values = std::vector<double>;

constexpr int64_t kOnes[] = {1, 1}, kTwos[] = {2, 2}, kWide[] = {1, 2}, kNoPads[] = {0, 0, 0, 0},
                  kLeftPad[] = {0, 1, 0, 0}, kLast[] = {1};
const Given kZero = I8({}, {0});
Given Scale(double scale) { return F32({}, {scale}); }

OperatorRun Binary(const char* op, bool fixed_point, const Values& a, const Values& b,
                   double a_scale, double b_scale, double y_scale) {
  const int64_t n = static_cast<int64_t>(a.size());
  return RunOperator(op, {IntAttribute("fixed_point", fixed_point ? 1 : 0)},
                     {I8({n}, a), Scale(a_scale), kZero, I8({n}, b), Scale(b_scale), kZero,
                      Scale(y_scale), kZero, Out({n}, KL_TYPE_I8)});
}

TEST(FixedPointTest, AFactorIsAFractionOf31Bits) {
  EXPECT_EQ(FixedPointOf(0.5).fraction, 1 << 30);
  EXPECT_EQ(FixedPointOf(0.5).exponent, 0);
  EXPECT_EQ(FixedPointOf(1.0).exponent, 1);
  // Rounds up to 2^31 and becomes 2^30 of the next exponent.
  EXPECT_EQ(FixedPointOf(1.0 - 0x1.0p-40).fraction, 1 << 30);
  EXPECT_EQ(FixedPointOf(1.0 - 0x1.0p-40).exponent, 1);
  EXPECT_EQ(FixedPointOf(0x1.0p-33).fraction, 0);
  EXPECT_EQ(FixedPointOf(0.0).fraction, 0);
}

TEST(FixedPointTest, ShiftsRoundHalvesAwayFromZero) {
  EXPECT_EQ(ShiftRounded(5, 1), 3);
  EXPECT_EQ(ShiftRounded(-5, 1), -3);
  EXPECT_EQ(ShiftRounded(5, 2), 1);
  EXPECT_EQ(ShiftRounded(-6, 2), -2);
  EXPECT_EQ(ShiftRounded(-7, 0), -7);
  EXPECT_EQ(HighProduct(INT32_MIN, INT32_MIN), INT32_MAX);
  EXPECT_EQ(HighProduct(3, 1 << 30), 2);    // 1.5
  EXPECT_EQ(HighProduct(-3, 1 << 30), -1);  // the halves of negative products go up
}

TEST(FixedPointTest, CodesSaturate) {
  const Requantizer r = MakeRequantizer(1.0, true, 100, CodesOf(KL_TYPE_I8));
  EXPECT_EQ(Requantize(r, 20), 120);
  EXPECT_EQ(Requantize(r, 28), 127);
  EXPECT_EQ(Requantize(r, -300), -128);
  EXPECT_EQ(CodeOfReal(NAN, 7, CodesOf(KL_TYPE_U8)), 0);
  EXPECT_EQ(CodeOfReal(INFINITY, 7, CodesOf(KL_TYPE_U8)), 255);
}

TEST(AddQuantizedTest, HalvesGoAwayFromZeroInFixedPointAndToEvenInFloat) {
  // 5 / 2 and -5 / 2
  EXPECT_THAT(Binary("add_quantized", true, {2, -2}, {3, -3}, 1, 1, 2).last(), ElementsAre(3, -3));
  EXPECT_THAT(Binary("add_quantized", false, {2, -2}, {3, -3}, 1, 1, 2).last(), ElementsAre(2, -2));
}

TEST(AddQuantizedTest, ScalesAndZeroPointsCount) {
  // (10 - 2) * 0.5 + (7 + 1) * 0.25 = 6 = (y - 5) * 0.125
  const OperatorRun r =
      RunOperator("add_quantized", {IntAttribute("fixed_point", 1), IntAttribute("maximum", 50)},
                  {I8({2}, {10, 2}), Scale(0.5), I8({}, {2}), I8({1}, {7}), Scale(0.25),
                   I8({}, {-1}), Scale(0.125), I8({}, {5}), Out({2}, KL_TYPE_I8)});
  EXPECT_THAT(r.last(), ElementsAre(50, 21));  // 53 is above the maximum
}

TEST(SubQuantizedTest, TakesTheSecondAway) {
  EXPECT_THAT(Binary("sub_quantized", true, {2, -3}, {7, 4}, 1, 1, 1).last(), ElementsAre(-5, -7));
  EXPECT_THAT(Binary("sub_quantized", false, {2, -3}, {7, 4}, 1, 1, 1).last(), ElementsAre(-5, -7));
}

TEST(MulQuantizedTest, MultipliesRealNumbers) {
  // 1.5 * 2.5 / 0.25
  EXPECT_THAT(Binary("mul_quantized", true, {3}, {5}, 0.5, 0.5, 0.25).last(), ElementsAre(15));
  EXPECT_THAT(Binary("mul_quantized", false, {3}, {-5}, 0.5, 0.5, 0.25).last(), ElementsAre(-15));
}

TEST(AveragePoolCodesTest, HalvesGoAwayFromZeroAndPaddingDoesNotCount) {
  const auto pool = [](const Values& x) {
    return RunOperator("average_pool2d",
                       {IntsAttribute("kernel", kWide), IntsAttribute("strides", kOnes),
                        IntsAttribute("pads", kLeftPad)},
                       {I8({1, 1, 1, 2}, x), Out({1, 1, 1, 2}, KL_TYPE_I8)})
        .last();
  };
  EXPECT_THAT(pool({1, 2}), ElementsAre(1, 2));
  EXPECT_THAT(pool({-1, -2}), ElementsAre(-1, -2));
}

TEST(AveragePoolCodesTest, StaysWithinTheClampAndCountsNoPadding) {
  std::vector<kl_attribute> attributes = {
      IntsAttribute("kernel", kTwos), IntsAttribute("strides", kOnes),
      IntsAttribute("pads", kNoPads), IntAttribute("maximum", 100)};
  const std::vector<Given> given = {U8({1, 1, 2, 2}, {200, 210, 220, 230}),
                                    Out({1, 1, 1, 1}, KL_TYPE_U8)};
  EXPECT_THAT(RunOperator("average_pool2d", attributes, given).last(), ElementsAre(100));
  attributes.push_back(IntAttribute("count_include_pad", 1));
  EXPECT_NE(RunOperator("average_pool2d", attributes, given).error, "");
}

Values Softmax(const Values& x, double scale) {
  const int64_t n = static_cast<int64_t>(x.size());
  return RunOperator("softmax_quantized", {IntAttribute("fixed_point", 1)},
                     {I8({1, n}, x), Scale(scale), Scale(1.0 / 256), I8({}, {-128}),
                      Out({1, n}, KL_TYPE_I8)})
      .last();
}

TEST(SoftmaxQuantizedTest, SharesAre256ths) {
  EXPECT_THAT(Softmax({7}, 0.1), ElementsAre(127));  // all of it saturates
  EXPECT_THAT(Softmax({-4, -4}, 0.1), ElementsAre(0, 0));
  EXPECT_THAT(Softmax({5, 5, 5, 5}, 0.1), ElementsAre(-64, -64, -64, -64));
  // e^-1 / (1 + e^-1) = 0.26894: code 68.8
  EXPECT_THAT(Softmax({10, 0}, 0.1), ElementsAre(59, -59));
  EXPECT_THAT(Softmax({127, -128}, 1.0), ElementsAre(127, -128));
}

TEST(ReduceQuantizedTest, MeansAndSums) {
  const auto reduce = [](const char* kind, double y_scale) {
    return RunOperator("reduce_quantized",
                       {StringAttribute("kind", kind), IntsAttribute("axes", kLast),
                        IntAttribute("fixed_point", 1)},
                       {I8({2, 3}, {2, 3, 5, -10, -20, -30}), Scale(1), I8({}, {1}), Scale(y_scale),
                        I8({}, {4}), Out({2, 1}, KL_TYPE_I8)})
        .last();
  };
  EXPECT_THAT(reduce("mean", 0.5), ElementsAre(9, -38));  // 7/3 / 0.5 = 4.67; -21 / 0.5
  EXPECT_THAT(reduce("sum", 1.0), ElementsAre(11, -59));
}

}  // namespace
}  // namespace reference
}  // namespace kinglet
