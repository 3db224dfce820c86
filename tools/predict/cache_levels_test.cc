#include "tools/predict/cache_levels.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

TEST(CacheLevelsTest, TimesBetweenLevelsFollowTheLogarithm) {
  const std::vector<uint64_t> levels = {1024, 4096, 65536};
  const std::vector<double> ns = {10, 20, 100};
  EXPECT_DOUBLE_EQ(TimeAt(levels, ns, 1024), 10);
  EXPECT_DOUBLE_EQ(TimeAt(levels, ns, 2048), 15);
  EXPECT_DOUBLE_EQ(TimeAt(levels, ns, 4096), 20);
  EXPECT_DOUBLE_EQ(TimeAt(levels, ns, 8192), 40);
  EXPECT_DOUBLE_EQ(TimeAt(levels, ns, 65536), 100);
}

TEST(CacheLevelsTest, BeyondTheLevelsTimesStay) {
  const std::vector<uint64_t> levels = {1024, 4096};
  const std::vector<double> ns = {10, 20};
  EXPECT_EQ(TimeAt(levels, ns, 0), 10);
  EXPECT_EQ(TimeAt(levels, ns, 1023), 10);
  EXPECT_EQ(TimeAt(levels, ns, uint64_t{1} << 40), 20);
}

TEST(CacheLevelsTest, LevelsRise) {
  EXPECT_TRUE(std::is_sorted(CacheLevels().begin(), CacheLevels().end()));
  EXPECT_GT(CacheLevels().front(), 0u);
}

}  // namespace
}  // namespace kinglet::tools
