#include "core/model/memory_route.h"

#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

MemoryLayout LayoutOf(uint32_t branching, uint32_t depth, uint32_t width) {
  MemoryShape shape;
  shape.branching = branching;
  shape.depth = depth;
  shape.layer_count = 1;
  shape.dim = 32;
  shape.rows[0] = 1;
  shape.encoder_width = width;
  return *MemoryLayout::Create(shape);
}

TEST(MemoryRouteTest, TakesTheNearestChildOfTheNodeReached) {
  const MemoryLayout layout = LayoutOf(2, 2, 2);
  const std::vector<float> centroids = {0,  0,  10, 0,   // level 1
                                        -1, 0,  1,  0,   // children of 0
                                        10, -3, 10, 4};  // children of 1
  const std::vector<float> vector = {9, 0};
  const MemoryPath path = DescendMemoryTree(layout, centroids.data(), vector.data());
  EXPECT_EQ(path.depth, 2u);
  EXPECT_EQ(path.ids[0], 1u);
  EXPECT_EQ(path.ids[1], 2u);
  EXPECT_FLOAT_EQ(path.distances[0], 1);
  EXPECT_FLOAT_EQ(path.runner_up_distances[0], 9);
  EXPECT_FLOAT_EQ(path.distances[1], std::sqrt(10.0f));
  EXPECT_FLOAT_EQ(path.runner_up_distances[1], std::sqrt(17.0f));
}

TEST(MemoryRouteTest, GreedyEvenWhereAnotherBranchHoldsANearerLeaf) {
  const MemoryLayout layout = LayoutOf(2, 2, 1);
  const std::vector<float> centroids = {4, 10, 100, 101, 5.5f, 20};
  const std::vector<float> vector = {5};
  EXPECT_EQ(DescendMemoryTree(layout, centroids.data(), vector.data()).ids[1], 0u);
}

TEST(MemoryRouteTest, EqualDistancesGoToTheLowestId) {
  const MemoryLayout layout = LayoutOf(3, 2, 1);
  const std::vector<float> centroids = {1, -1, 1, 7, 7, 7, 0, 0, 0, 0, 0, 0};
  const std::vector<float> vector = {0};
  const MemoryPath path = DescendMemoryTree(layout, centroids.data(), vector.data());
  EXPECT_EQ(path.ids[0], 0u);
  EXPECT_EQ(path.ids[1], 0u);
  EXPECT_FLOAT_EQ(path.runner_up_distances[0], 1);
}

TEST(MemoryRouteTest, NotANumberIsNeverNearest) {
  const MemoryLayout layout = LayoutOf(2, 1, 1);
  const std::vector<float> centroids = {NAN, 1000};
  const std::vector<float> vector = {0};
  EXPECT_EQ(DescendMemoryTree(layout, centroids.data(), vector.data()).ids[0], 1u);
  const std::vector<float> no_number = {NAN};
  EXPECT_EQ(DescendMemoryTree(layout, centroids.data(), no_number.data()).ids[0], 0u);
}

// Against the definition, written the other way round: every node's parent is its id / k.
TEST(MemoryRouteTest, AgreesWithASearchOverAllNodes) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  const MemoryLayout layout = LayoutOf(5, 4, 8);
  std::vector<float> centroids(layout.TotalNodeCount() * 8);
  for (float& value : centroids) value = normal(random);
  for (int round = 0; round < 100; ++round) {
    std::vector<float> vector(8);
    for (float& value : vector) value = normal(random);
    const MemoryPath path = DescendMemoryTree(layout, centroids.data(), vector.data());
    uint64_t parent = 0;
    for (uint32_t level = 1; level <= 4; ++level) {
      uint64_t best = UINT64_MAX;
      double least = INFINITY;
      for (uint64_t id = 0; id < layout.NodeCount(level); ++id) {
        if (level > 1 && id / 5 != parent) continue;
        double sum = 0;
        for (int i = 0; i < 8; ++i) {
          sum += std::pow(double{centroids[(layout.FirstNode(level) + id) * 8 + i]} - vector[i], 2);
        }
        if (sum < least) least = sum, best = id;
      }
      ASSERT_EQ(path.ids[level - 1], best);
      EXPECT_EQ(layout.Ancestor(4, path.ids[3], level), best);
      EXPECT_NEAR(path.distances[level - 1], std::sqrt(least), 1e-6);
      parent = best;
    }
  }
}

}  // namespace
}  // namespace kinglet
