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
  // A residual block whose projection is added with the scale that it was made with, or another.
  PinnedPlan Block(bool same_scale) {
    const kl_value a = g_.Conv(g_.Input({1, 3, 8, 8}), 4, {});
    const kl_value b = g_.Pointwise(a, 4);
    const kl_value scale = g_.Weight({}, KL_TYPE_F32), zero = g_.Weight({});
    const std::vector<kl_value> conv = g_.OperandsOfLast();
    const kl_value mine_scale = same_scale ? conv[6] : scale;
    const kl_value mine_zero = same_scale ? conv[7] : zero;
    const kl_value y = g_.Node(
        "add_quantized", {b, mine_scale, mine_zero, a, scale, zero, scale, zero}, g_.Shape(a));
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

TEST_F(JoinedPlanTest, InexactKernelsKeepTheirAddition) {
  const PinnedPlan from = Block(/*same_scale=*/true);
  for (size_t inexact = 1; inexact < 3; ++inexact) {
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

TEST_F(JoinedPlanTest, WhatSomebodyElseReadsStays) {
  const kl_value a = g_.Conv(g_.Input({1, 3, 8, 8}), 4, {});
  const kl_value b = g_.Pointwise(a, 4);
  const std::vector<kl_value> conv = g_.OperandsOfLast();
  g_.Node("add_quantized", {b, conv[6], conv[7], a, conv[6], conv[7], conv[6], conv[7]},
          g_.Shape(a));
  PinnedPlan from;
  from.plan = g_.Finish(b);
  EXPECT_EQ(Ops(MakeJoinedPlan(
                    from, [](size_t) { return true; }, nullptr)
                    .plan),
            Ops(from.plan));
}

}  // namespace
}  // namespace kinglet
