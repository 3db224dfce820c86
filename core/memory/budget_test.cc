#include "core/memory/budget.h"

#include <thread>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(BudgetTest, RefusesWhatGoesBeyondTheLimitAndSaysWhatWouldDo) {
  Budget budget(1000);
  auto weights = budget.Reserve("weights", 900);
  ASSERT_TRUE(weights.ok());
  const auto cache = budget.Reserve("cache", 101);
  EXPECT_EQ(CodeFromStatus(cache.status()), KL_OUT_OF_BUDGET);
  const std::string message(cache.status().message());
  EXPECT_NE(message.find("cache needs 101 bytes, 100 of 1000 are left"), std::string::npos)
      << message;
  EXPECT_NE(message.find("weights holds 900"), std::string::npos) << message;
  EXPECT_NE(message.find("a budget of 1001 bytes would do"), std::string::npos) << message;
  EXPECT_TRUE(budget.Reserve("cache", 100).ok());
}

TEST(BudgetTest, AReservationEndsWithItsOwner) {
  Budget budget(1000);
  {
    auto held = budget.Reserve("arena", 600);
    ASSERT_TRUE(held.ok());
    Reservation moved = *std::move(held);
    EXPECT_EQ(budget.used_bytes(), 600u);
    Reservation other;
    other = std::move(moved);
    EXPECT_EQ(other.bytes(), 600u);
    EXPECT_EQ(budget.used_bytes(), 600u);
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
  EXPECT_EQ(budget.peak_bytes(), 600u);
  EXPECT_TRUE(budget.Usage().empty());
}

TEST(BudgetTest, UsageAddsUpByName) {
  Budget budget(0);
  auto a = budget.Reserve("weights", 10);
  auto b = budget.Reserve("cache", 20);
  auto c = budget.Reserve("weights", 5);
  const std::vector<std::pair<std::string, uint64_t>> expected = {{"weights", 15}, {"cache", 20}};
  EXPECT_EQ(budget.Usage(), expected);
}

TEST(BudgetTest, WithoutALimitOnlyTheImpossibleIsRefused) {
  Budget budget(0);
  auto most = budget.Reserve("weights", UINT64_MAX);
  EXPECT_TRUE(most.ok());
  EXPECT_EQ(CodeFromStatus(budget.Reserve("more", 1).status()), KL_OUT_OF_BUDGET);
}

TEST(BudgetTest, AReservationMayOutliveItsBudget) {
  Reservation held;
  {
    Budget budget(10);
    held = *budget.Reserve("cache", 10);
  }
  held.Release();
  EXPECT_EQ(held.bytes(), 0u);
}

TEST(BudgetTest, ThreadsNeverExceedTheLimitTogether) {
  Budget budget(100);
  const auto work = [&] {
    for (int i = 0; i < 2000; ++i) {
      auto held = budget.Reserve("scratch", 60);
      EXPECT_LE(budget.used_bytes(), 100u);
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(budget.used_bytes(), 0u);
  EXPECT_EQ(budget.peak_bytes(), 60u);
}

}  // namespace
}  // namespace kinglet
