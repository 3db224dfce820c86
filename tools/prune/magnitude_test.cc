#include "tools/prune/magnitude.h"

#include <vector>

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

using Floats = std::vector<float>;

TEST(MagnitudeTest, SmallestWeightsGo) {
  Floats w = {1, -5, 2, -0.5f, 4, 3};
  EXPECT_EQ(3, PruneByMagnitude(0.5, 1, {w.data(), 2, 3, 3, 1}));
  EXPECT_EQ((Floats{0, -5, 0, 0, 4, 3}), w);
}

TEST(MagnitudeTest, BlocksGoTogetherAndTheLastMayBeShorter) {
  // Columns of three outputs: blocks {1, 4}, {-5, 3} and the single ones {2}, {6}.
  Floats w = {1, -5, 4, 3, 2, 6};
  EXPECT_EQ(3, PruneByMagnitude(0.5, 2, {w.data(), 3, 2, 2, 1}));
  EXPECT_EQ((Floats{0, -5, 0, 3, 0, 6}), w);
}

TEST(MagnitudeTest, TheMatrixMayLieTheOtherWayRound) {
  Floats rows = {1, -5, 4, 3, 2, 6}, columns = {1, 4, 2, -5, 3, 6};
  PruneByMagnitude(0.5, 2, {rows.data(), 3, 2, 2, 1});
  PruneByMagnitude(0.5, 2, {columns.data(), 3, 2, 1, 3});
  EXPECT_EQ((Floats{rows[0], rows[2], rows[4], rows[1], rows[3], rows[5]}), columns);
}

TEST(MagnitudeTest, AllNothingAndWhatIsZeroAlready) {
  Floats w = {0, 1, 0, 2};
  EXPECT_EQ(2, PruneByMagnitude(0.0, 1, {w.data(), 2, 2, 2, 1}));
  EXPECT_EQ(2, PruneByMagnitude(0.5, 1, {w.data(), 2, 2, 2, 1}));
  EXPECT_EQ((Floats{0, 1, 0, 2}), w);
  EXPECT_EQ(4, PruneByMagnitude(1.0, 1, {w.data(), 2, 2, 2, 1}));
}

}  // namespace
}  // namespace kinglet::tools
