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
  needs.session_known = true;
  needs.context_known = true;
  needs.bank = {40, 10};
  needs.expert_count = 80;
  return needs;
}

// Of the weights beside experts, 120 in 12 records can be streamed; a session then needs 5 more.
MemoryNeeds StreamedExample() {
  MemoryNeeds needs = Example();
  StreamNeeds stream;
  stream.kept = {10, 30, 40, 5};
  stream.session = {10, 25};
  stream.bank = {20, 10};
  stream.record_count = 12;
  needs.stream = stream;
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

TEST(MemorySplitTest, LargeWeightsAreStreamedWhereTheBudgetDoesNotKeepThem) {
  const MemorySplit split = SplitMemory(StreamedExample(), 1);
  EXPECT_FALSE(split.fits);
  EXPECT_EQ(split.smallest_bytes, 100u + 80 + 40 + 35 + 20);
  EXPECT_EQ(split.keeping_bytes, SplitMemory(Example(), 1).smallest_bytes);
  const MemorySplit smallest = SplitMemory(StreamedExample(), split.smallest_bytes);
  EXPECT_TRUE(smallest.fits);
  EXPECT_TRUE(smallest.leaves_weights);
  EXPECT_TRUE(smallest.leaves_experts);
  EXPECT_EQ(smallest.stream_bytes, 20u);
  EXPECT_EQ(smallest.bank_bytes, 40u);
  EXPECT_FALSE(SplitMemory(StreamedExample(), split.smallest_bytes - 1).fits);
  EXPECT_FALSE(SplitMemory(StreamedExample(), split.keeping_bytes).leaves_weights);
  EXPECT_TRUE(SplitMemory(StreamedExample(), split.keeping_bytes - 1).leaves_weights);
}

TEST(MemorySplitTest, WhatIsLeftKeepsWeightsAndThenExperts) {
  MemoryNeeds needs = StreamedExample();
  const uint64_t smallest = SplitMemory(needs, 1).smallest_bytes;
  EXPECT_EQ(SplitMemory(needs, smallest + 30).stream_bytes, 50u);
  EXPECT_EQ(SplitMemory(needs, smallest + 30).bank_bytes, 40u);
  needs.stream->record_count = 2;
  EXPECT_EQ(SplitMemory(needs, smallest + 30).stream_bytes, 40u) << "no more than all of them need";
  EXPECT_EQ(SplitMemory(needs, smallest + 30).bank_bytes, 50u);
}

TEST(MemorySplitTest, AConversationOfUnknownLengthGrowsIntoHalfOfWhatIsLeft) {
  MemoryNeeds needs = StreamedExample();
  needs.context_known = false;
  const MemorySplit split = SplitMemory(needs, SplitMemory(needs, 1).smallest_bytes + 30);
  EXPECT_EQ(split.stream_bytes, 35u);
  EXPECT_EQ(split.bank_bytes, 55u);
}

// The stream does not give way to a session that comes later, so room is left for one; the bank of experts does.
TEST(MemorySplitTest, RoomIsLeftForASessionThatIsNotKnown) {
  MemoryNeeds needs = StreamedExample();
  needs.session = SessionNeeds();
  needs.session_known = false;
  const MemorySplit split = SplitMemory(needs, SplitMemory(needs, 1).smallest_bytes);
  EXPECT_EQ(split.stream_bytes, 20u);
  EXPECT_EQ(split.bank_bytes, 40u + 35);
}

TEST(MemorySplitTest, ADenseModelsLargeWeightsAreStreamedToo) {
  MemoryNeeds needs = StreamedExample();
  needs.without_experts.reset();
  const MemorySplit split = SplitMemory(needs, 1);
  EXPECT_EQ(split.smallest_bytes, 100u + 80 + 35 + 20);
  const MemorySplit streamed = SplitMemory(needs, split.smallest_bytes + 10);
  EXPECT_TRUE(streamed.leaves_weights);
  EXPECT_FALSE(streamed.leaves_experts);
  EXPECT_EQ(streamed.stream_bytes, 30u);
  EXPECT_EQ(streamed.bank_bytes, 0u);
}

TEST(MemorySplitTest, AStreamThatCostsMoreThanItSavesIsNotMade) {
  MemoryNeeds needs = StreamedExample();
  needs.stream->bank.least_bytes = 2000;
  const MemorySplit split = SplitMemory(needs, 300);
  EXPECT_EQ(split.smallest_bytes, SplitMemory(Example(), 300).smallest_bytes);
  EXPECT_FALSE(split.fits);
  EXPECT_FALSE(split.leaves_weights);
}

TEST(MemorySplitTest, TheBudgetThatIsNamedLeavesRoomForALargerProcess) {
  EXPECT_GE(SafeBudget(1000), 1000u + (6 << 20));
  EXPECT_EQ(SafeBudget(1000) % (1 << 20), 0u);
}

}  // namespace
}  // namespace kinglet
