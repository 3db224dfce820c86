// Operators of language models on numbers worked out by hand.
#include <cmath>

#include "gtest/gtest.h"
#include "plugins/reference/cases.h"
#include "plugins/reference/operator_runner.h"

namespace kinglet {
namespace reference {
namespace {

using Values = std::vector<double>;

void ExpectNear(const Values& found, const Values& expected, double tolerance = 1e-6) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], tolerance) << "element " << i;
}

void ExpectError(const OperatorRun& result, const std::string& part) {
  EXPECT_NE(result.error.find(part), std::string::npos) << "found: '" << result.error << "'";
}

TEST(EmbedTest, TakesScaledRows) {
  const OperatorRun r =
      RunOperator("embed", {FloatAttribute("scale", 2.0)},
                  {I32({2}, {2, 0}), F32({3, 2}, {1, 2, 3, 4, 5, 6}), Out({2, 2})});
  ExpectNear(r.last(), {10, 12, 2, 4});
}

TEST(EmbedTest, RefusesAnIdOutsideTheTable) {
  for (const double id : {3.0, -1.0}) {
    const OperatorRun r =
        RunOperator("embed", {}, {I32({1}, {id}), F32({3, 1}, {1, 2, 3}), Out({1, 1})});
    ExpectError(r, "run() returned 1");
  }
}

TEST(RmsNormTest, DividesByTheRootOfTheMeanSquare) {
  const OperatorRun r = RunOperator("rms_norm", {FloatAttribute("eps", 3.5)},
                                    {F32({1, 2}, {3, 4}), F32({2}, {1, 10}), Out({1, 2})});
  ExpectNear(r.last(), {3.0 / 4.0, 40.0 / 4.0});  // mean of squares 12.5, plus 3.5
}

TEST(RmsNormTest, NormalisesEachHeadByItself) {
  const OperatorRun r = RunOperator("rms_norm", {FloatAttribute("eps", 0.0)},
                                    {F32({1, 4}, {3, 3, -5, 5}), F32({2}, {1, 2}), Out({1, 4})});
  ExpectNear(r.last(), {1, 2, -1, 2});
}

TEST(MatmulTest, MultipliesByTheRowsOfTheWeight) {
  const OperatorRun r =
      RunOperator("matmul", {},
                  {F32({2, 3}, {1, 2, 3, 4, 5, 6}), F32({2, 3}, {1, 0, -1, 2, 1, 0}),
                   F32({2}, {10, 20}), Out({2, 2})});
  ExpectNear(r.last(), {10 - 2, 20 + 4, 10 - 2, 20 + 13});
}

TEST(MatmulTest, WidensHalfWeights) {
  const OperatorRun r = RunOperator(
      "matmul", {}, {F32({1, 2}, {2, 4}), F16({1, 2}, {0.5, -0.25}), None(), Out({1, 1})});
  ExpectNear(r.last(), {0.0});
}

TEST(MatmulTest, NamesTheOperandThatDoesNotFit) {
  ExpectError(
      RunOperator("matmul", {}, {F32({1, 2}, {1, 2}), F32({2, 3}, {}), None(), Out({1, 2})}),
      "matmul 'node': operand w: expected [*, 2], found f32 [2, 3]");
  ExpectError(
      RunOperator("matmul", {}, {F32({1, 2}, {1, 2}), F32({3, 2}, {}), F32({2}, {}), Out({1, 3})}),
      "operand bias: expected [3], found f32 [2]");
  ExpectError(
      RunOperator("matmul", {}, {I32({1, 2}, {1, 2}), F32({3, 2}, {}), None(), Out({1, 3})}),
      "operand x: expected f32, found i32 [1, 2]");
  ExpectError(
      RunOperator("matmul", {},
                  {F32({1, 40}, {}), {KL_TYPE_Q4_0, {3, 40}, {}}, None(), Out({1, 3})}),
      "operand w: expected whole blocks of 32 along the last dimension, found q4_0 [3, 40]");
  ExpectError(RunOperator("matmul", {}, {F32({1, 2}, {1, 2}), None(), None(), Out({1, 3})}),
              "operand w: expected a tensor, found nothing");
  ExpectError(RunOperator("matmul", {}, {F32({1, 2}, {1, 2}), F32({3, 2}, {})}),
              "expected 4 operands, found 2");
}

TEST(RopeTest, RotatesHalvesOrPairs) {
  const Given x = F32({1, 4}, {1, 2, 3, 4});
  const double c0 = std::cos(3.0), s0 = std::sin(3.0);                // base^0
  const double c1 = std::cos(3.0 / 10.0), s1 = std::sin(3.0 / 10.0);  // 100^(-2/4)
  const std::vector<kl_attribute> halves = {IntAttribute("head_length", 4),
                                            FloatAttribute("base", 100.0)};
  ExpectNear(RunOperator("rope", halves, {x, I32({1}, {3}), None(), Out({1, 4})}).last(),
             {1 * c0 - 3 * s0, 2 * c1 - 4 * s1, 1 * s0 + 3 * c0, 2 * s1 + 4 * c1});
  std::vector<kl_attribute> pairs = halves;
  pairs.push_back(IntAttribute("interleaved", 1));
  ExpectNear(RunOperator("rope", pairs, {x, I32({1}, {3}), None(), Out({1, 4})}).last(),
             {1 * c0 - 2 * s0, 1 * s0 + 2 * c0, 3 * c1 - 4 * s1, 3 * s1 + 4 * c1});
}

TEST(RopeTest, CopiesWhatLiesBehindTheRotaryPart) {
  const OperatorRun r =
      RunOperator("rope",
                  {IntAttribute("head_length", 3), IntAttribute("rotary_length", 2),
                   FloatAttribute("base", 100.0), FloatAttribute("scale", 0.5),
                   FloatAttribute("magnitude", 2.0)},
                  {F32({1, 6}, {1, 0, 7, 0, 1, 8}), I32({1}, {4}), F32({1}, {4}), Out({1, 6})});
  const double c = 2.0 * std::cos(0.5), s = 2.0 * std::sin(0.5);  // 4 * 0.5 / 4
  ExpectNear(r.last(), {c, s, 7, -s, c, 8});
}

TEST(AttentionTest, AFirstTokenSeesItself) {
  const OperatorRun r = RunOperator(
      "attention", {IntAttribute("head_length", 2)},
      {F32({1, 4}, {1, 2, 3, 4}), F32({1, 2}, {1, 1}), F32({1, 2}, {5, -6}), I32({1}, {0}),
       F16({1, 3, 2}, {9, 9, 9, 9, 9, 9}), F16({1, 3, 2}, {9, 9, 9, 9, 9, 9}), Out({1, 4})});
  ExpectNear(r.last(), {5, -6, 5, -6});
  ExpectNear(r.operands[4], {1, 1, 9, 9, 9, 9});
  ExpectNear(r.operands[5], {5, -6, 9, 9, 9, 9});
}

TEST(AttentionTest, WeighsByTheSoftmaxOfScaledScores) {
  // Position 1 after a cached position 0; scale 1: scores 0 and ln 3, weights 1/4 and 3/4.
  const OperatorRun r =
      RunOperator("attention", {IntAttribute("head_length", 1), FloatAttribute("scale", 1.0)},
                  {F32({1, 1}, {1}),
                   F32({1, 1}, {std::log(3.0)}),
                   F32({1, 1}, {8}),
                   I32({1}, {1}),
                   {KL_TYPE_F32, {1, 2, 1}, {0, 0}},
                   {KL_TYPE_F32, {1, 2, 1}, {4, 0}},
                   Out({1, 1})});
  ExpectNear(r.last(), {0.25 * 4 + 0.75 * 8});
}

TEST(AttentionTest, IsCausalWithinABatch) {
  const OperatorRun r = RunOperator(
      "attention", {IntAttribute("head_length", 1)},
      {F32({3, 1}, {0, 0, 0}), F32({3, 1}, {1, 2, 3}), F32({3, 1}, {3, 6, 12}), I32({3}, {0, 1, 2}),
       F16({1, 4, 1}, {7, 7, 7, 7}), F16({1, 4, 1}, {7, 7, 7, 7}), Out({3, 1})});
  ExpectNear(r.last(), {3, 4.5, 7});
}

TEST(AttentionTest, AWindowCountsTheTokenItself) {
  // Window 2 in a ring of 3 rows: positions 4 and 5 lie in rows 1 and 2, position 3 in row 0.
  const OperatorRun r = RunOperator(
      "attention", {IntAttribute("head_length", 1), IntAttribute("window", 2)},
      {F32({2, 1}, {0, 0}), F32({2, 1}, {1, 1}), F32({2, 1}, {10, 20}), I32({2}, {4, 5}),
       F16({1, 3, 1}, {0, 9, 9}), F16({1, 3, 1}, {2, 100, 100}), Out({2, 1})});
  ExpectNear(r.last(), {6, 15});
  ExpectNear(r.operands[5], {2, 10, 20});
}

TEST(AttentionTest, QueryHeadsShareKeyValueHeadsInOrder) {
  const OperatorRun r =
      RunOperator("attention", {IntAttribute("head_length", 1)},
                  {F32({1, 4}, {1, 1, 1, 1}), F32({1, 2}, {0, 0}), F32({1, 2}, {3, 5}),
                   I32({1}, {0}), F16({2, 1, 1}, {0, 0}), F16({2, 1, 1}, {0, 0}), Out({1, 4})});
  ExpectNear(r.last(), {3, 3, 5, 5});
}

TEST(AttentionTest, RefusesPositionsWithoutRows) {
  const auto run = [](double first, int64_t window) {
    return RunOperator("attention",
                       {IntAttribute("head_length", 1), IntAttribute("window", window)},
                       {F32({2, 1}, {0, 0}), F32({2, 1}, {0, 0}), F32({2, 1}, {0, 0}),
                        I32({2}, {first, first + 1}), F16({1, 4, 1}, {0, 0, 0, 0}),
                        F16({1, 4, 1}, {0, 0, 0, 0}), Out({2, 1})});
  };
  EXPECT_EQ(run(2, 0).error, "");
  ExpectError(run(3, 0), "run() returned 1");  // position 4 of a full cache of 4 rows
  EXPECT_EQ(run(100, 3).error, "");            // 3 + 2 - 1 rows are enough
  ExpectError(run(100, 4), "run() returned 1");
  ExpectError(run(-1, 0), "run() returned 1");
}

TEST(GluTest, AppliesItsActivation) {
  const std::vector<Given> operands = {F32({3}, {-1, 0.5, 2}), F32({3}, {3, 4, 5}), Out({3})};
  const auto run = [&](const char* name) {
    return RunOperator("glu", {StringAttribute("activation", name)}, operands);
  };
  ExpectNear(run("relu").last(), {0, 2, 10});
  ExpectNear(run("silu").last(),
             {-3 / (1 + std::exp(1.0)), 2 / (1 + std::exp(-0.5)), 10 / (1 + std::exp(-2.0))});
  ExpectNear(run("gelu").last(), {3 * -0.15880801, 4 * 0.34571401, 5 * 1.95459769}, 1e-5);
  ExpectError(run("tanh"), "activation");
}

TEST(MoeRouteTest, SoftmaxIsOverAllExpertsUnlessNormalised) {
  const std::vector<Given> operands = {F32({1, 3}, {0, std::log(6.0), std::log(3.0)}),
                                       Out({1, 2}, KL_TYPE_I32), Out({1, 2})};
  const OperatorRun all =
      RunOperator("moe_route", {StringAttribute("gating", "softmax")}, operands);
  ExpectNear(all.operands[1], {1, 2});
  ExpectNear(all.last(), {0.6, 0.3});
  const OperatorRun chosen = RunOperator("moe_route",
                                         {StringAttribute("gating", "softmax"),
                                          IntAttribute("normalise", 1), FloatAttribute("scale", 3)},
                                         operands);
  ExpectNear(chosen.last(), {2, 1});
}

TEST(MoeRouteTest, SigmoidIsOfEachLogit) {
  const std::vector<Given> operands = {F32({1, 3}, {std::log(3.0), 0, -5}),
                                       Out({1, 2}, KL_TYPE_I32), Out({1, 2})};
  ExpectNear(RunOperator("moe_route", {StringAttribute("gating", "sigmoid")}, operands).last(),
             {0.75, 0.5});
  ExpectNear(
      RunOperator("moe_route", {StringAttribute("gating", "sigmoid"), IntAttribute("normalise", 1)},
                  operands)
          .last(),
      {0.6, 0.4});
}

TEST(MoeRouteTest, TiesGoToTheLowerId) {
  const OperatorRun r =
      RunOperator("moe_route", {StringAttribute("gating", "softmax")},
                  {F32({1, 4}, {1, 2, 2, 1}), Out({1, 3}, KL_TYPE_I32), Out({1, 3})});
  ExpectNear(r.operands[1], {1, 2, 0});
}

TEST(MoeRouteTest, ChoosesDifferentExpertsEvenFromNan) {
  const OperatorRun r = RunOperator(
      "moe_route", {StringAttribute("gating", "sigmoid")},
      {F32({2, 3}, {NAN, NAN, NAN, NAN, 1, NAN}), Out({2, 2}, KL_TYPE_I32), Out({2, 2})});
  ExpectNear(r.operands[1], {0, 1, 1, 0});
}

// Two experts of one and a half neurons' worth of arithmetic: D = 2, F = 2.
std::vector<Given> MoeOperands(const Given& down) {
  return {F32({1, 2}, {1, 2}),
          I32({1, 2}, {1, 0}),
          F32({1, 2}, {10, 100}),
          F32({2, 2, 2}, {1, 0, -1, 0, 0, 1, 1, 1}),  // expert 0: gates 1, -1; expert 1: 2, 3
          F32({2, 2, 2}, {2, 0, 5, 5, 1, 1, 0, 1}),   // ups: 2, 15; 3, 2
          down,
          Out({1, 2})};
}

TEST(MoeFfnTest, SumsTheChosenExperts) {
  // h: expert 0: 2, 0; expert 1: 6, 6.
  const Given down = F32({2, 2, 2}, {1, 7, 3, 7, 1, 0, 1, -1});
  const OperatorRun r =
      RunOperator("moe_ffn", {StringAttribute("activation", "relu")}, MoeOperands(down));
  ExpectNear(r.last(), {10 * 6 + 100 * 2, 10 * 0 + 100 * 6});
}

TEST(MoeFfnTest, ReadsTransposedDownMatrices) {
  const Given down = F32({2, 2, 2}, {1, 3, 7, 7, 1, 1, 0, -1});
  const OperatorRun r = RunOperator(
      "moe_ffn", {StringAttribute("activation", "relu"), IntAttribute("down_transposed", 1)},
      MoeOperands(down));
  ExpectNear(r.last(), {10 * 6 + 100 * 2, 10 * 0 + 100 * 6});
}

TEST(MoeFfnTest, RefusesAnExpertThatIsNotThere) {
  std::vector<Given> operands = MoeOperands(F32({2, 2, 2}, {1, 3, 7, 7, 1, 1, 0, -1}));
  operands[1] = I32({1, 2}, {1, 2});
  ExpectError(RunOperator("moe_ffn", {StringAttribute("activation", "relu")}, operands),
              "run() returned 1");
}

TEST(MoeFfnTest, NamesADownMatrixOfTheWrongShape) {
  std::vector<Given> operands = MoeOperands(F32({2, 2, 3}, {}));
  ExpectError(RunOperator("moe_ffn", {StringAttribute("activation", "relu")}, operands),
              "operand down: expected [2, 2, 2], found f32 [2, 2, 3]");
}

// Two segments of 2 and 1 neurons over rows of 2; gate, up, down rows of each, the rest of the second unused.
std::vector<Given> SegmentOperands() {
  return {F32({1, 2}, {1, 2}), F32({1, 2}, {100, 200}),
          F32({2, 6, 2}, {1, 0, -1, 0, /*up*/ 0, 1, 9, 9, /*down*/ 1, 10, 9, 9,  //
                          0, 1, /*up*/ 1, 1, /*down*/ 1, -1, 9, 9, 9, 9, 9, 9}),
          Out({1, 2})};
}
constexpr int64_t kSegmentNeurons[] = {2, 1};

TEST(FfnSegmentsTest, AddsTheNeuronsOfEverySegment) {
  // Segment 0: relu(1) * 2, and a neuron that is off; segment 1: relu(2) * 3.
  const OperatorRun r =
      RunOperator("ffn_segments", {StringAttribute("activation", "relu"), IntsAttribute("neurons", kSegmentNeurons)},
                  SegmentOperands());
  ExpectNear(r.last(), {100 + 2 * 1 + 6 * 1, 200 + 2 * 10 - 6 * 1});
}

TEST(FfnSegmentsTest, NamesWhatDoesNotFit) {
  std::vector<Given> operands = SegmentOperands();
  const std::vector<kl_attribute> attributes = {StringAttribute("activation", "relu"),
                                                IntsAttribute("neurons", kSegmentNeurons)};
  operands[2] = F32({2, 5, 2}, {});
  ExpectError(RunOperator("ffn_segments", attributes, operands), "operand segments: expected [2, 6, 2]");
  operands = SegmentOperands();
  ExpectError(RunOperator("ffn_segments", {StringAttribute("activation", "relu")}, operands), "attribute neurons");
}

TEST(SelectRowsTest, CopiesRowsInTheGivenOrder) {
  const OperatorRun r = RunOperator(
      "select_rows", {}, {F32({3, 2}, {1, 2, 3, 4, 5, 6}), I32({2}, {2, 0}), Out({2, 2})});
  ExpectNear(r.last(), {5, 6, 1, 2});
  ExpectError(RunOperator("select_rows", {}, {F32({1, 1}, {1}), I32({1}, {1}), Out({1, 1})}),
              "run() returned 1");
}

TEST(SoftmaxTest, WorksAlongItsAxis) {
  const Given x = F32({2, 2}, {0, std::log(3.0), 1000, 1000});
  ExpectNear(RunOperator("softmax", {}, {x, Out({2, 2})}).last(), {0.25, 0.75, 0.5, 0.5});
  ExpectNear(RunOperator("softmax", {IntAttribute("axis", 0)}, {x, Out({2, 2})}).last(),
             {0, 0, 1, 1});
  ExpectError(RunOperator("softmax", {IntAttribute("axis", 2)}, {x, Out({2, 2})}),
              "attribute axis");
}

TEST(AddTest, BroadcastsLikeNumpy) {
  const OperatorRun r =
      RunOperator("add", {}, {F32({2, 1}, {10, 20}), F32({3}, {1, 2, 3}), Out({2, 3})});
  ExpectNear(r.last(), {11, 12, 13, 21, 22, 23});
  ExpectError(RunOperator("add", {}, {F32({2}, {1, 2}), F32({3}, {1, 2, 3}), Out({3})}),
              "operand b: expected dimensions that agree with those of a, or are 1, found f32 [3]");
  ExpectError(RunOperator("add", {}, {F32({2}, {1, 2}), F32({2}, {1, 2}), Out({3})}),
              "operand y: expected [2], found f32 [3]");
}

TEST(SubTest, SubtractsBFromA) {
  ExpectNear(RunOperator("sub", {}, {F32({}, {1}), F32({2}, {3, 5}), Out({2})}).last(), {-2, -4});
}

TEST(MulTest, MultipliesChannels) {
  const OperatorRun r = RunOperator(
      "mul", {}, {F32({1, 2, 1, 2}, {1, 2, 3, 4}), F32({2, 1, 1}, {10, 100}), Out({1, 2, 1, 2})});
  ExpectNear(r.last(), {10, 20, 300, 400});
}

}  // namespace
}  // namespace reference
}  // namespace kinglet
