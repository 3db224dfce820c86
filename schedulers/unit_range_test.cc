#include "schedulers/unit_range.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(UnitRangeTest, OwnerTakesFromTheFrontThievesFromTheBack) {
  UnitRange range;
  range.Set(100, 116);
  uint32_t begin = 0, end = 0;
  ASSERT_TRUE(range.TakeFront(&begin, &end));
  EXPECT_EQ(begin, 100u);
  EXPECT_EQ(end, 104u);
  ASSERT_TRUE(range.TakeBack(&begin, &end));
  EXPECT_EQ(begin, 113u);
  EXPECT_EQ(end, 116u);
}

TEST(UnitRangeTest, AnEmptyRangeGivesNothing) {
  UnitRange range;
  uint32_t begin = 0, end = 0;
  EXPECT_FALSE(range.TakeFront(&begin, &end));
  range.Set(7, 7);
  EXPECT_FALSE(range.TakeBack(&begin, &end));
}

TEST(UnitRangeTest, EveryUnitIsTakenOnceByWhoever) {
  constexpr uint32_t kUnits = 20000;
  for (int round = 0; round < 20; ++round) {
    UnitRange range;
    range.Set(0, kUnits);
    std::vector<std::atomic<int>> taken(kUnits);
    const auto take = [&](bool front) {
      uint32_t begin = 0, end = 0;
      while (front ? range.TakeFront(&begin, &end) : range.TakeBack(&begin, &end)) {
        for (uint32_t i = begin; i < end; ++i) taken[i].fetch_add(1, std::memory_order_relaxed);
      }
    };
    std::thread first_thief(take, false), second_thief(take, false);
    take(true);
    first_thief.join();
    second_thief.join();
    for (uint32_t i = 0; i < kUnits; ++i) ASSERT_EQ(taken[i].load(), 1) << i;
  }
}

}  // namespace
}  // namespace kinglet
