#include "core/exec/patch/joined_plan.h"

#include <string>

#include "core/exec/patch/fake_graphs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

std::vector<std::string> Ops(const Plan& plan) {
  std::vector<std::string> ops;
  for (const PlanNode& node : plan.nodes) ops.push_back(node.op);
  return ops;
}

class JoinedPlanTest : public testing::Test {
 protected:
  kl_value Dequantize(kl_value x, kl_value scale, kl_value zero) {
    return g_.Node("dequantize_linear", {x, scale, zero}, g_.Shape(x), {}, KL_TYPE_F32);
  }
  kl_value Quantize(kl_value x, kl_value scale, kl_value zero) {
    return g_.Node("quantize_linear", {x, scale, zero}, g_.Shape(x));
  }

  // A residual block whose projection is dequantised with the scale that it was made with, or
  // another.
  PinnedPlan Block(bool same_scale) {
    const kl_value a = g_.Conv(g_.Input({1, 3, 8, 8}), 4, {});
    const kl_value b = g_.Pointwise(a, 4);
    const kl_value scale = g_.Weight({}, KL_TYPE_F32), zero = g_.Weight({});
    const std::vector<kl_value> conv = g_.OperandsOfLast();
    const kl_value mine = same_scale ? Dequantize(b, conv[6], conv[7]) : Dequantize(b, scale, zero);
    const kl_value residual = Dequantize(a, scale, zero);
    const kl_value sum = g_.Node("add", {mine, residual}, g_.Shape(a), {}, KL_TYPE_F32);
    const kl_value y = Quantize(sum, scale, zero);
    PinnedPlan plan;
    plan.plan = g_.Finish(g_.Pointwise(y, 2));
    return plan;
  }

  FakeGraph g_;
};

TEST_F(JoinedPlanTest, ProjectionGoesIntoTheResidual) {
  const PinnedPlan from = Block(/*same_scale=*/true);
  std::vector<size_t> joined;
  const PinnedPlan to = MakeJoinedPlan(
      from, [](size_t) { return true; }, &joined);
  EXPECT_THAT(Ops(to.plan),
              testing::ElementsAre("conv2d_quantized", "conv2d_quantized_add", "conv2d_quantized"));
  EXPECT_THAT(joined, testing::ElementsAre(1u));
  EXPECT_EQ(to.plan.nodes[1].operands.size(), 15u);
  EXPECT_EQ(to.plan.nodes[1].operands[9], from.plan.nodes[0].operands.back()) << "the residual";
  EXPECT_EQ(to.plan.nodes[1].operands.back(), to.plan.nodes[2].operands[0]);
}

TEST_F(JoinedPlanTest, ProjectionGoesIntoAnAdditionOfCodes) {
  const kl_value a = g_.Conv(g_.Input({1, 3, 8, 8}), 4, {});
  const std::vector<kl_value> first = g_.OperandsOfLast();
  const kl_value b = g_.Pointwise(a, 4);
  const std::vector<kl_value> conv = g_.OperandsOfLast();
  const kl_value scale = g_.Weight({}, KL_TYPE_F32), zero = g_.Weight({});
  const kl_value y = g_.Node(
      "add_quantized", {a, first[6], first[7], b, conv[6], conv[7], scale, zero}, g_.Shape(a));
  PinnedPlan from;
  from.plan = g_.Finish(g_.Pointwise(y, 2));
  const PinnedPlan to = MakeJoinedPlan(
      from, [](size_t) { return true; }, nullptr);
  EXPECT_THAT(Ops(to.plan),
              testing::ElementsAre("conv2d_quantized", "conv2d_quantized_add", "conv2d_quantized"));
  EXPECT_EQ(to.plan.nodes[1].operands[9], a) << "the residual";
  EXPECT_EQ(to.plan.nodes[1].operands[10], first[6]);
  EXPECT_EQ(to.plan.nodes[1].operands[12], scale);
  EXPECT_EQ(to.plan.nodes[1].operands.back(), y);
  const PinnedPlan inexact = MakeJoinedPlan(
      from, [](size_t n) { return n != 2; }, nullptr);
  EXPECT_EQ(Ops(inexact.plan), Ops(from.plan));
}

TEST_F(JoinedPlanTest, InexactKernelsKeepTheirAddition) {
  const PinnedPlan from = Block(/*same_scale=*/true);
  for (size_t inexact = 1; inexact < 6; ++inexact) {
    const PinnedPlan to = MakeJoinedPlan(
        from, [&](size_t n) { return n != inexact; }, nullptr);
    EXPECT_EQ(Ops(to.plan), Ops(from.plan)) << from.plan.nodes[inexact].op;
  }
}

TEST_F(JoinedPlanTest, AnotherScaleThanTheConvolutionsIsNotJoined) {
  const PinnedPlan from = Block(/*same_scale=*/false);
  EXPECT_EQ(Ops(MakeJoinedPlan(
                    from, [](size_t) { return true; }, nullptr)
                    .plan),
            Ops(from.plan));
}

TEST_F(JoinedPlanTest, PoolsAreAlwaysJoined) {
  const kl_value a = g_.Conv(g_.Input({1, 3, 8, 8}), 4, {});
  const kl_value scale = g_.Weight({}, KL_TYPE_F32), zero = g_.Weight({});
  const kl_value mean =
      g_.Node("global_average_pool", {Dequantize(a, scale, zero)}, {1, 4, 1, 1}, {}, KL_TYPE_F32);
  PinnedPlan from;
  from.plan = g_.Finish(Quantize(mean, scale, zero));
  const PinnedPlan to = MakeJoinedPlan(
      from, [](size_t) { return false; }, nullptr);
  EXPECT_THAT(Ops(to.plan),
              testing::ElementsAre("conv2d_quantized", "global_average_pool_quantized"));
  EXPECT_EQ(to.plan.outputs, from.plan.outputs);
}

TEST_F(JoinedPlanTest, WhatSomebodyElseReadsStays) {
  const kl_value a = g_.Conv(g_.Input({1, 3, 8, 8}), 4, {});
  const kl_value scale = g_.Weight({}, KL_TYPE_F32), zero = g_.Weight({});
  const kl_value real = Dequantize(a, scale, zero);
  const kl_value mean = g_.Node("global_average_pool", {real}, {1, 4, 1, 1}, {}, KL_TYPE_F32);
  Quantize(mean, scale, zero);
  PinnedPlan from;
  from.plan = g_.Finish(real);
  EXPECT_EQ(Ops(MakeJoinedPlan(
                    from, [](size_t) { return true; }, nullptr)
                    .plan),
            Ops(from.plan));
}

}  // namespace
}  // namespace kinglet
