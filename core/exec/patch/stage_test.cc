#include "core/exec/patch/stage.h"

#include "core/exec/patch/fake_graphs.h"
#include "core/exec/patch/patched_plan.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

std::vector<size_t> StageEnds(const Plan& plan) {
  std::vector<size_t> ends;
  for (const Stage& stage : FindStages(plan)) ends.push_back(stage.node_count);
  return ends;
}

TEST(StageTest, EndsWhereOneImageIsAllThatTheRestReads) {
  FakeGraph g;
  const kl_value a = g.Conv(g.Input({1, 3, 20, 20}), 8, {});  // 1
  const kl_value b = g.Pointwise(a, 16);                      // 2: a is alive as well
  const kl_value c = g.Depthwise(b, {});                      // 3: the same
  const kl_value d = g.PointwiseAdd(c, a);                    // 4
  const kl_value e = g.Conv(d, 4, {3, 2, 1, {}});             // 5
  const Plan plan = g.Finish(g.Pointwise(e, 4));
  EXPECT_EQ(StageEnds(plan), (std::vector<size_t>{1, 4, 5}));
}

TEST(StageTest, EndsBeforeWhatLooksAtTheWholeImage) {
  FakeGraph g;
  const kl_value a = g.Conv(g.Input({1, 3, 20, 20}), 8, {});
  const kl_value b = g.Node("softmax", {a}, {1, 8, 20, 20});
  const kl_value c = g.Conv(b, 8, {});
  const Plan plan = g.Finish(g.Conv(c, 8, {}));
  EXPECT_EQ(StageEnds(plan), (std::vector<size_t>{1}));
}

TEST(StageTest, EndsBeforeAnOutputOfTheNetwork) {
  FakeGraph g;
  const kl_value a = g.Conv(g.Input({1, 3, 20, 20}), 8, {});
  const kl_value b = g.Conv(a, 8, {});
  g.Conv(b, 8, {});
  const Plan plan = g.Finish(a);
  EXPECT_EQ(StageEnds(plan), (std::vector<size_t>{1}));
}

TEST(StageTest, HaloIsTheUnionOfWhatAllReadersNeed) {
  FakeGraph g;
  const kl_value input = g.Input({1, 3, 32, 32});
  const kl_value a = g.Conv(input, 8, {});
  const kl_value b = g.Depthwise(a, {5, 1, 1, {}});
  const kl_value c = g.PointwiseAdd(b, a);
  const Plan plan = g.Finish(g.Pointwise(c, 4));
  const auto tile = TileOf(plan, {3, c}, {{8, 16}, {0, 8}});
  ASSERT_TRUE(tile.has_value());
  // The 5x5 window reads two more on each side, which covers the residual; on the left is the
  // border.
  EXPECT_EQ(*tile->regions[static_cast<size_t>(a)], (Region{{6, 18}, {0, 10}}));
  EXPECT_EQ(*tile->regions[static_cast<size_t>(input)], (Region{{5, 19}, {0, 11}}));
  EXPECT_EQ(tile->nodes[1].pads[0], 0);
  EXPECT_EQ(tile->nodes[1].pads[1], 2);
  EXPECT_EQ(tile->nodes[1].pads[3], 0);
}

TEST(StageTest, TransposeTurnsTheAxes) {
  FakeGraph g;
  const kl_value input = g.Input({1, 30, 20, 3});
  const kl_value image = g.Node("transpose", {input}, {1, 3, 30, 20},
                                {{"permutation", std::vector<int64_t>{0, 3, 1, 2}}});
  const kl_value a = g.Conv(image, 8, {});
  const Plan plan = g.Finish(g.Conv(a, 8, {}));
  const auto tile = TileOf(plan, {2, a}, {{10, 20}, {10, 20}});
  ASSERT_TRUE(tile.has_value());
  EXPECT_EQ(*tile->regions[static_cast<size_t>(input)], (Region{{9, 21}, {9, 20}}));
}

TEST(StageTest, PatchedPlanPastesEveryPatchAndKeepsTheRest) {
  FakeGraph g;
  const kl_value a = g.Conv(g.Input({1, 3, 21, 20}), 8, {3, 2, 1, {0, 1, 2, 0}});
  const kl_value b = g.Depthwise(a, {3, 1, 2, {2, 2, 2, 2}});
  PinnedPlan from;
  from.plan = g.Finish(g.Pointwise(b, 4));
  const Stage stage = {2, b};
  const auto patched = MakePatchedPlan(from, stage, {2, 3});
  ASSERT_TRUE(patched.has_value());
  EXPECT_EQ(patched->kernels.size(), patched->plan.nodes.size());
  int pastes = 0;
  kl_value pasted = KL_NO_VALUE;
  for (const PlanNode& node : patched->plan.nodes) {
    if (node.op != "paste") continue;
    EXPECT_EQ(node.operands[0], pasted) << "each patch goes on top of those before";
    pasted = node.operands[2];
    ++pastes;
  }
  EXPECT_EQ(pastes, 6);
  EXPECT_EQ(pasted, b) << "what the rest of the plan reads";
  EXPECT_EQ(patched->plan.nodes.back().op, "conv2d_quantized");
  EXPECT_EQ(patched->plan.outputs, from.plan.outputs);
  EXPECT_FALSE(MakePatchedPlan(from, stage, {100, 1}).has_value())
      << "more rows than the output has";
}

}  // namespace
}  // namespace kinglet
