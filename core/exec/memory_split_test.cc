#include "core/exec/memory_split.h"

#include "gtest/gtest.h"

namespace kinglet {
namespace {

// Program 100; weights 1000 of which experts 800; packing 50; a session of 30; a bank of 40 at least, 10 a slot.
MemoryNeeds Example() {
  MemoryNeeds needs;
  needs.program = 100;
  needs.whole = {900, 60, 40, 50};
  needs.without_experts = WeightNeeds{100, 60, 40, 50};
  needs.session = {10, 20};
  needs.bank = {40, 10};
  needs.expert_count = 80;
  return needs;
}

TEST(MemorySplitTest, TheSmallestBudgetIsTheLastThatFits) {
  const MemorySplit split = SplitMemory(Example(), 1);
  EXPECT_EQ(split.smallest_bytes, 100u + 200 + 40 + 30);
  EXPECT_TRUE(SplitMemory(Example(), split.smallest_bytes).fits);
  EXPECT_FALSE(SplitMemory(Example(), split.smallest_bytes - 1).fits);
  EXPECT_EQ(SplitMemory(Example(), split.smallest_bytes).bank_bytes, 40u);
}

TEST(MemorySplitTest, PackingIsOverBeforeThereIsASession) {
  MemoryNeeds needs = Example();
  needs.without_experts->packing_bytes = 500;
  const MemorySplit split = SplitMemory(needs, 800);
  EXPECT_EQ(split.smallest_bytes, 100u + 200 + 500);
  EXPECT_EQ(split.opening_bytes, 500u);
  EXPECT_EQ(split.bank_bytes, 470u);
}

TEST(MemorySplitTest, EverythingStaysWhereItFits) {
  const MemorySplit split = SplitMemory(Example(), 1180);
  EXPECT_EQ(split.whole_bytes, 1180u);
  EXPECT_FALSE(split.leaves_experts);
  EXPECT_TRUE(SplitMemory(Example(), 1179).leaves_experts);
  EXPECT_FALSE(SplitMemory(Example(), 0).leaves_experts);
  EXPECT_TRUE(SplitMemory(Example(), 0).fits);
}

TEST(MemorySplitTest, ABankTakesNoMoreThanAllExpertsNeed) {
  EXPECT_EQ(BankBytes({40, 10}, 80, 500), 500u);
  EXPECT_EQ(BankBytes({40, 10}, 80, 5000), 840u);
}

// A tiny model: the least bank is more than all its experts.
TEST(MemorySplitTest, ABankThatCostsMoreThanItSavesIsNotAskedFor) {
  MemoryNeeds needs = Example();
  needs.bank.least_bytes = 2000;
  const MemorySplit split = SplitMemory(needs, 500);
  EXPECT_EQ(split.smallest_bytes, split.whole_bytes);
  EXPECT_FALSE(split.fits);
  EXPECT_FALSE(split.leaves_experts);
}

TEST(MemorySplitTest, WithoutExpertsNothingGivesWay) {
  MemoryNeeds needs = Example();
  needs.without_experts.reset();
  const MemorySplit split = SplitMemory(needs, 1150);
  EXPECT_EQ(split.smallest_bytes, 100u + 1000 + 50);
  EXPECT_TRUE(split.fits);
  EXPECT_FALSE(split.leaves_experts);
}

TEST(MemorySplitTest, TheBudgetThatIsNamedLeavesRoomForALargerProcess) {
  EXPECT_GE(SafeBudget(1000), 1000u + (2 << 20));
  EXPECT_EQ(SafeBudget(1000) % (1 << 20), 0u);
}

}  // namespace
}  // namespace kinglet
