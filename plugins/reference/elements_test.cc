// Elementwise, reducing and element-moving operators on numbers worked out by hand.
#include <cmath>

#include "gtest/gtest.h"
#include "plugins/reference/cases.h"
#include "plugins/reference/operator_runner.h"

namespace kinglet {
namespace reference {
namespace {

using Values = std::vector<double>;

void ExpectNear(const OperatorRun& found, const Values& expected, size_t operand = SIZE_MAX) {
  ASSERT_EQ(found.error, "");
  const Values& values = operand == SIZE_MAX ? found.last() : found.operands[operand];
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], 1e-6) << "element " << i;
}

TEST(UnaryTest, ComputesWhatItsNameSays) {
  ExpectNear(RunOperator("sqrt", {}, {F32({2}, {4, 9}), Out({2})}), {2, 3});
  ExpectNear(RunOperator("sigmoid", {}, {F32({1}, {0}), Out({1})}), {0.5});
  ExpectNear(RunOperator("round", {}, {F32({4}, {0.5, 1.5, 2.5, -0.5}), Out({4})}), {0, 2, 2, 0});
  ExpectNear(RunOperator("hard_swish", {}, {F32({3}, {-4, 0, 4}), Out({3})}), {0, 0, 4});
  ExpectNear(
      RunOperator("leaky_relu", {FloatAttribute("alpha", 0.5)}, {F32({2}, {-4, 4}), Out({2})}),
      {-2, 4});
  ExpectNear(RunOperator("gelu", {}, {F32({1}, {1}), Out({1})}), {0.8413447});
  ExpectNear(RunOperator("softplus", {}, {F32({2}, {0, 100}), Out({2})}), {std::log(2.0), 100});
}

TEST(BinaryTest, ComputesOnWholeNumbersToo) {
  ExpectNear(
      RunOperator("div", {}, {I32({3}, {7, -7, 5}), I32({3}, {2, 2, 0}), Out({3}, KL_TYPE_I32)}),
      {3, -3, 0});
  ExpectNear(RunOperator("mod", {}, {I32({2}, {7, -7}), I32({1}, {3}), Out({2}, KL_TYPE_I32)}),
             {1, 2});
  ExpectNear(RunOperator("max", {}, {F32({2}, {1, 5}), F32({}, {3}), Out({2})}), {3, 5});
  ExpectNear(RunOperator("pow", {}, {F32({2}, {2, 3}), F32({1}, {3}), Out({2})}), {8, 27});
}

TEST(ReduceTest, ReducesTheAxesOnly) {
  constexpr int64_t kFirst[] = {0}, kBoth[] = {0, 1};
  const Given x = F32({2, 2}, {1, -2, 3, 4});
  const auto reduce = [&](const char* kind, const auto& axes, std::vector<int64_t> shape) {
    return RunOperator("reduce", {StringAttribute("kind", kind), IntsAttribute("axes", axes)},
                       {x, Out(std::move(shape))});
  };
  ExpectNear(reduce("sum", kFirst, {1, 2}), {4, 2});
  ExpectNear(reduce("mean", kBoth, {1, 1}), {1.5});
  ExpectNear(reduce("prod", kFirst, {1, 2}), {3, -8});
  ExpectNear(reduce("l1", kBoth, {1, 1}), {10});
  ExpectNear(reduce("sum_square", kFirst, {1, 2}), {10, 20});
  ExpectNear(reduce("log_sum_exp", kFirst, {1, 2}),
             {std::log(std::exp(1.0) + std::exp(3.0)), std::log(std::exp(-2.0) + std::exp(4.0))});
}

TEST(TopKTest, GivesTheBestFirst) {
  // Indices are i64: seen as i32 pairs they would need more room, so only the values are looked at.
  const OperatorRun r = RunOperator("top_k", {IntAttribute("axis", 0)},
                                    {F32({4}, {3, 9, 9, 1}), Out({2}), Out({2}, KL_TYPE_I64)});
  ExpectNear(r, {9, 9}, 1);
}

TEST(PadTest, ReflectsWithoutRepeatingTheEdge) {
  constexpr int64_t kPads[] = {2, 1};
  ExpectNear(RunOperator("pad", {IntsAttribute("pads", kPads), StringAttribute("mode", "reflect")},
                         {F32({3}, {1, 2, 3}), None(), None(), Out({6})}),
             {3, 2, 1, 2, 3, 2});
}

TEST(GatherTest, RefusesAnIndexOutside) {
  const OperatorRun r = RunOperator("gather", {}, {F32({2}, {1, 2}), I32({1}, {2}), Out({1})});
  EXPECT_NE(r.error.find("run() returned 1"), std::string::npos) << r.error;
  ExpectNear(RunOperator("gather", {}, {F32({2}, {1, 2}), I32({1}, {-1}), Out({1})}), {2});
}

TEST(LayerNormTest, BringsRowsToMeanZero) {
  const OperatorRun r =
      RunOperator("layer_norm", {IntAttribute("axis", 1), FloatAttribute("epsilon", 0.0)},
                  {F32({1, 2}, {1, 3}), F32({2}, {10, 10}), F32({2}, {1, 1}), Out({1, 2}),
                   Out({1, 1}), Out({1, 1})});
  ExpectNear(r, {-9, 11}, 3);
  ExpectNear(r, {2}, 4);
  ExpectNear(r, {1}, 5);
}

TEST(ResizeTest, InterpolatesBetweenCentres) {
  ExpectNear(RunOperator("resize", {StringAttribute("mode", "linear")},
                         {F32({1, 1, 1, 2}, {0, 4}), Out({1, 1, 1, 4})}),
             {0, 1, 3, 4});
  ExpectNear(RunOperator("resize",
                         {StringAttribute("mode", "linear"),
                          StringAttribute("coordinate", "align_corners")},
                         {F32({2}, {0, 3}), Out({4})}),
             {0, 1, 2, 3});
}

TEST(LstmTest, OpensAndClosesItsGates) {
  // All weights 0: gates are 1/2, the candidate 0; c halves each step, h = tanh(c) / 2.
  const OperatorRun r =
      RunOperator("lstm", {},
                  {F32({2, 1, 1}, {1, 1}), F32({1, 4, 1}, {0, 0, 0, 0}),
                   F32({1, 4, 1}, {0, 0, 0, 0}), None(), None(), None(), F32({1, 1, 1}, {8}),
                   None(), Out({2, 1, 1, 1}), Out({1, 1, 1}), Out({1, 1, 1})});
  ExpectNear(r, {std::tanh(4.0) / 2, std::tanh(2.0) / 2}, 8);
  ExpectNear(r, {2}, 10);
}

}  // namespace
}  // namespace reference
}  // namespace kinglet
