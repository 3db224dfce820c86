// Operators of convolutional networks on numbers worked out by hand.
#include <cmath>

#include "gtest/gtest.h"
#include "plugins/reference/cases.h"
#include "plugins/reference/operator_runner.h"

namespace kinglet {
namespace reference {
namespace {

using Values = std::vector<double>;

void ExpectNear(const Values& found, const Values& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-6) << "element " << i;
}

void ExpectError(const OperatorRun& result, const std::string& part) {
  EXPECT_NE(result.error.find(part), std::string::npos) << "found: '" << result.error << "'";
}

constexpr int64_t kOnes[] = {1, 1}, kTwos[] = {2, 2}, kThrees[] = {3, 3};
constexpr int64_t kNoPads[] = {0, 0, 0, 0}, kPads[] = {1, 1, 1, 1}, kLeftPad[] = {0, 1, 0, 0};
const Given kImage = F32({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});

std::vector<kl_attribute> Convolution(const int64_t (&strides)[2], const int64_t (&pads)[4],
                                      const int64_t (&dilations)[2]) {
  return {IntsAttribute("strides", strides), IntsAttribute("pads", pads),
          IntsAttribute("dilations", dilations)};
}

TEST(Conv2dTest, CorrelatesWithoutFlipping) {
  const OperatorRun r = RunOperator(
      "conv2d", Convolution(kOnes, kNoPads, kOnes),
      {kImage, F32({1, 1, 2, 2}, {1, 10, 100, 1000}), F32({1}, {0.5}), Out({1, 1, 2, 2})});
  ExpectNear(r.last(), {5421.5, 6532.5, 8754.5, 9865.5});
}

TEST(Conv2dTest, PadsWithZeros) {
  const OperatorRun r = RunOperator(
      "conv2d", Convolution(kTwos, kPads, kOnes),
      {kImage, F32({1, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1}), None(), Out({1, 1, 2, 2})});
  ExpectNear(r.last(), {12, 16, 24, 28});
}

TEST(Conv2dTest, LeftPaddingShiftsTheWindow) {
  const OperatorRun r = RunOperator(
      "conv2d", Convolution(kOnes, kLeftPad, kOnes),
      {F32({1, 1, 1, 2}, {3, 4}), F32({1, 1, 1, 2}, {10, 1}), None(), Out({1, 1, 1, 2})});
  ExpectNear(r.last(), {3, 34});
}

TEST(Conv2dTest, DilatesTheKernel) {
  const OperatorRun r =
      RunOperator("conv2d", Convolution(kOnes, kNoPads, kTwos),
                  {kImage, F32({1, 1, 2, 2}, {1, 1, 1, 1}), None(), Out({1, 1, 1, 1})});
  ExpectNear(r.last(), {1 + 3 + 7 + 9});
}

TEST(Conv2dTest, GroupsSeeTheirOwnChannels) {
  std::vector<kl_attribute> attributes = Convolution(kOnes, kNoPads, kOnes);
  attributes.push_back(IntAttribute("group", 2));
  const OperatorRun r = RunOperator(
      "conv2d", attributes,
      {F32({1, 2, 1, 1}, {3, 5}), F32({4, 1, 1, 1}, {1, 2, 3, 4}), None(), Out({1, 4, 1, 1})});
  ExpectNear(r.last(), {3, 6, 15, 20});
}

TEST(Conv2dTest, ClampsItsOutput) {
  std::vector<kl_attribute> attributes = Convolution(kOnes, kNoPads, kOnes);
  attributes.push_back(FloatAttribute("minimum", 0.0));
  attributes.push_back(FloatAttribute("maximum", 6.0));
  const OperatorRun r = RunOperator(
      "conv2d", attributes,
      {F32({1, 1, 1, 3}, {-1, 2, 9}), F32({1, 1, 1, 1}, {1}), None(), Out({1, 1, 1, 3})});
  ExpectNear(r.last(), {0, 2, 6});
}

TEST(Conv2dTest, NamesWhatDoesNotFit) {
  ExpectError(RunOperator("conv2d", Convolution(kOnes, kNoPads, kOnes),
                          {kImage, F32({1, 2, 2, 2}, {}), None(), Out({1, 1, 2, 2})}),
              "operand w: expected [*, 1, *, *], found f32 [1, 2, 2, 2]");
  ExpectError(RunOperator("conv2d", Convolution(kOnes, kNoPads, kOnes),
                          {kImage, F32({1, 1, 2, 2}, {}), None(), Out({1, 1, 3, 3})}),
              "operand y: expected [1, 1, 2, 2], found f32 [1, 1, 3, 3]");
  ExpectError(RunOperator("conv2d", Convolution(kOnes, kNoPads, kOnes),
                          {kImage, F32({1, 1, 4, 4}, {}), None(), Out({1, 1, 1, 1})}),
              "as large as the window");
  ExpectError(
      RunOperator("conv2d", {IntsAttribute("strides", kOnes), IntsAttribute("pads", kNoPads)},
                  {kImage, F32({1, 1, 1, 1}, {}), None(), Out({1, 1, 3, 3})}),
      "attribute dilations to hold 2 numbers, found 0");
}

std::vector<kl_attribute> Pool(const int64_t (&kernel)[2], const int64_t (&strides)[2],
                               const int64_t (&pads)[4]) {
  return {IntsAttribute("kernel", kernel), IntsAttribute("strides", strides),
          IntsAttribute("pads", pads)};
}

TEST(AveragePool2dTest, CountsPaddingOnlyOnRequest) {
  std::vector<kl_attribute> attributes = Pool(kThrees, kTwos, kPads);
  ExpectNear(RunOperator("average_pool2d", attributes, {kImage, Out({1, 1, 2, 2})}).last(),
             {3, 4, 6, 7});
  attributes.push_back(IntAttribute("count_include_pad", 1));
  ExpectNear(RunOperator("average_pool2d", attributes, {kImage, Out({1, 1, 2, 2})}).last(),
             {12.0 / 9, 16.0 / 9, 24.0 / 9, 28.0 / 9});
}

TEST(AveragePool2dTest, RoundsUpWhenTheOutputSaysSo) {
  const std::vector<kl_attribute> attributes = Pool(kTwos, kTwos, kNoPads);
  ExpectNear(RunOperator("average_pool2d", attributes, {kImage, Out({1, 1, 1, 1})}).last(), {3});
  ExpectNear(RunOperator("average_pool2d", attributes, {kImage, Out({1, 1, 2, 2})}).last(),
             {3, 4.5, 7.5, 9});
  ExpectError(RunOperator("average_pool2d", attributes, {kImage, Out({1, 1, 3, 3})}), "operand y");
}

TEST(MaxPool2dTest, PaddingNeverWins) {
  std::vector<kl_attribute> attributes = Pool(kTwos, kTwos, kPads);
  attributes.push_back(IntsAttribute("dilations", kOnes));
  const Given negative = F32({1, 1, 2, 2}, {-4, -3, -2, -1});
  ExpectNear(RunOperator("max_pool2d", attributes, {negative, Out({1, 1, 2, 2})}).last(),
             {-4, -3, -2, -1});
}

TEST(GlobalAveragePoolTest, AveragesPlanes) {
  const OperatorRun r =
      RunOperator("global_average_pool", {}, {F32({1, 2, 1, 2}, {1, 2, 5, 9}), Out({1, 2, 1, 1})});
  ExpectNear(r.last(), {1.5, 7});
}

TEST(ReluTest, CutsBelowZero) {
  ExpectNear(RunOperator("relu", {}, {F32({3}, {-1, 0, 2}), Out({3})}).last(), {0, 0, 2});
}

TEST(ClipTest, CutsBothEnds) {
  const OperatorRun r =
      RunOperator("clip", {FloatAttribute("minimum", -1), FloatAttribute("maximum", 1)},
                  {F32({3}, {-3, 0.5, 2}), Out({3})});
  ExpectNear(r.last(), {-1, 0.5, 1});
}

TEST(GemmTest, TransposesScalesAndAddsC) {
  const OperatorRun r = RunOperator(
      "gemm",
      {IntAttribute("transpose_a", 1), IntAttribute("transpose_b", 1), FloatAttribute("alpha", 2),
       FloatAttribute("beta", 10)},
      {F32({2, 1}, {1, 2}), F32({3, 2}, {1, 2, 3, 4, 5, 6}), F32({1, 3}, {1, 2, 3}), Out({1, 3})});
  ExpectNear(r.last(), {2 * 5 + 10, 2 * 11 + 20, 2 * 17 + 30});
  ExpectError(RunOperator("gemm", {}, {F32({1, 2}, {}), F32({3, 2}, {}), None(), Out({1, 2})}),
              "operand b: expected [2, 2], found f32 [3, 2]");
}

TEST(BatchMatmulTest, BroadcastsStacks) {
  const OperatorRun r = RunOperator(
      "batch_matmul", {}, {F32({2, 1, 2}, {1, 2, 3, 4}), F32({2, 1}, {10, 1}), Out({2, 1, 1})});
  ExpectNear(r.last(), {12, 34});
}

TEST(TransposeTest, PermutesDimensions) {
  constexpr int64_t kTurn[] = {2, 0, 1};
  const OperatorRun r =
      RunOperator("transpose", {IntsAttribute("permutation", kTurn)},
                  {I32({1, 2, 3}, {1, 2, 3, 4, 5, 6}), Out({3, 1, 2}, KL_TYPE_I32)});
  ExpectNear(r.last(), {1, 4, 2, 5, 3, 6});
  constexpr int64_t kTwice[] = {0, 0, 1};
  ExpectError(RunOperator("transpose", {IntsAttribute("permutation", kTwice)},
                          {I32({1, 2, 3}, {}), Out({1, 1, 2}, KL_TYPE_I32)}),
              "each dimension once in attribute permutation");
}

TEST(ReshapeTest, KeepsTheOrderOfElements) {
  ExpectNear(RunOperator("reshape", {}, {F32({2, 3}, {1, 2, 3, 4, 5, 6}), Out({3, 2})}).last(),
             {1, 2, 3, 4, 5, 6});
  ExpectError(RunOperator("reshape", {}, {F32({2, 3}, {}), Out({4})}),
              "operand y: expected as many elements");
}

TEST(BatchNormTest, NormalisesChannels) {
  const OperatorRun r = RunOperator("batch_norm", {FloatAttribute("epsilon", 1)},
                                    {F32({1, 2, 1, 1}, {5, 7}), F32({2}, {2, 3}), F32({2}, {1, 0}),
                                     F32({2}, {3, 4}), F32({2}, {3, 8}), Out({1, 2, 1, 1})});
  ExpectNear(r.last(), {(5 - 3) / 2.0 * 2 + 1, (7 - 4) / 3.0 * 3});
}

}  // namespace
}  // namespace reference
}  // namespace kinglet
