#include "core/exec/patch/patch_figures.h"

#include "core/exec/patch/fake_graphs.h"
#include "core/exec/patch/patch_search.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

// The end of block 5: stem, one block of 16, two of 24, one of 32 channels.
Stage FifthBlock(const Plan& plan) {
  for (const Stage& stage : FindStages(plan)) {
    if (plan.values[static_cast<size_t>(stage.output)].shape == std::vector<int64_t>{1, 32, 28, 28})
      return stage;
  }
  return {};
}

// Figures of arXiv 2110.15352 for MobileNetV2 at 224, int8, p = 4, n = 5.
TEST(PatchFiguresTest, MobileNetV2IsAsPublished) {
  const Plan plan = FakeGraph::MobileNetV2(224);
  const Stage stage = FifthBlock(plan);
  ASSERT_EQ(stage.node_count, 12u);
  const PatchFigures figures = FiguresOf(plan, stage, {4, 4});
  std::vector<int64_t> rows;
  for (const TileSize& tile : figures.tiles) {
    EXPECT_EQ(tile.rows, tile.columns);
    rows.push_back(tile.rows);
  }
  EXPECT_THAT(rows, testing::ElementsAre(75, 37, 35, 35, 35, 17, 17, 17, 15, 15, 15, 7, 7));
  EXPECT_NEAR(static_cast<double>(figures.stage_macs), 91e6, 0.5e6);
  EXPECT_NEAR(static_cast<double>(figures.nominal_stage_macs), 130e6, 0.6e6);
  EXPECT_NEAR(
      static_cast<double>(figures.nominal_stage_macs) / static_cast<double>(figures.stage_macs),
      1.42, 0.005);
  EXPECT_LT(figures.patched_stage_macs, figures.nominal_stage_macs)
      << "tiles are cut off at the border";
  EXPECT_GT(figures.patched_stage_macs, figures.stage_macs);

  EXPECT_EQ(IdealPeakBytes(plan), 1372u * 1024);
  PinnedPlan pinned;
  pinned.plan = FakeGraph::MobileNetV2(224);
  const auto patched = MakePatchedPlan(pinned, stage, {4, 4});
  ASSERT_TRUE(patched.has_value());
  const uint64_t peak = IdealPeakBytes(patched->plan);
  EXPECT_EQ(peak, 1715u * 1024 / 10);
  EXPECT_EQ(NominalPeakBytes(plan, stage, {4, 4}, peak), peak);
}

TEST(PatchFiguresTest, SearchFindsThePublishedPlanUnder256KiB) {
  PinnedPlan pinned;
  pinned.plan = FakeGraph::MobileNetV2(224);
  for (const PatchCandidate& candidate : FindPatchCandidates(pinned)) {
    if (candidate.nominal_bytes > 256 * 1024) continue;
    EXPECT_EQ(candidate.grid.rows, 4);
    EXPECT_EQ(candidate.grid.columns, 4);
    EXPECT_EQ(candidate.stage.node_count, 12u);
    return;
  }
  FAIL() << "nothing fits";
}

TEST(PatchFiguresTest, OnePatchCostsNothing) {
  const Plan plan = FakeGraph::MobileNetV2(64);
  for (const Stage& stage : FindStages(plan)) {
    const PatchFigures figures = FiguresOf(plan, stage, {1, 1});
    EXPECT_EQ(figures.patched_stage_macs, figures.stage_macs);
  }
}

TEST(PatchFiguresTest, CandidatesAreOrderedByComputation) {
  PinnedPlan pinned;
  pinned.plan = FakeGraph::MobileNetV2(96);
  const std::vector<PatchCandidate> candidates = FindPatchCandidates(pinned);
  ASSERT_GT(candidates.size(), 20u);
  for (size_t i = 1; i < candidates.size(); ++i)
    EXPECT_LE(candidates[i - 1].macs, candidates[i].macs);
}

}  // namespace
}  // namespace kinglet
