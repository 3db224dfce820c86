#include "plugins/memory_bank/placement.h"

#include "gtest/gtest.h"

namespace memory_bank {
namespace {

using Counts = std::vector<std::vector<uint64_t>>;

TEST(PlacementTest, UpperLevelsComeFirstAndWhatDoesNotFitGoesOn) {
  const std::vector<LevelBlocks> levels = {{16, 100, 10}, {256, 20, 10}, {4096, 5, 10}};
  // 16 * 100 + 10 leaves 290: 14 blocks of level 2, and 5 are too few for a file of level 3.
  EXPECT_EQ(PlaceLevels(levels, {{1900, false}, {5000, false}}),
            (Counts{{16, 0}, {14, 242}, {0, 28}}));
}

TEST(PlacementTest, NothingIsCopiedBesideTheOwnFileNorToWhatIsSlower) {
  const std::vector<LevelBlocks> levels = {{16, 100, 0}, {256, 20, 0}};
  EXPECT_EQ(PlaceLevels(levels, {{1000, false}, {1 << 20, true}, {1 << 20, false}}),
            (Counts{{10, 0, 0}, {0, 0, 0}}));
}

TEST(PlacementTest, ABudgetIsNeverExceededAndABlockMoreWouldExceedIt) {
  const LevelBlocks level = {1000, 4096, 8192};
  for (uint64_t budget = 0; budget < 100000; budget += 777) {
    const uint64_t count = PlaceLevels({level}, {{budget, false}})[0][0];
    if (count > 0) {
      EXPECT_LE(8192 + count * 4096, budget);
    }
    EXPECT_GT(8192 + (count + 1) * 4096, budget);
  }
  EXPECT_EQ(PlaceLevels({level}, {{UINT64_MAX, false}})[0][0], 1000u);
}

TEST(PlacementTest, LevelsInMemoryAndMissingOnesTakeNothing) {
  EXPECT_EQ(PlaceLevels({{0, 100, 10}, {4, 0, 0}, {4, 10, 0}}, {{100, false}}),
            (Counts{{0}, {0}, {4}}));
  EXPECT_EQ(PlaceLevels({{4, 10, 0}}, {}), (Counts{{}}));
}

}  // namespace
}  // namespace memory_bank
