#include "plugins/common/record_bank/cache_policy.h"

#include <random>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace record_bank {
namespace {

constexpr auto kAny = [](uint32_t) { return true; };

class AnyPolicyTest : public testing::TestWithParam<const char*> {};

TEST_P(AnyPolicyTest, EvictsWhatIsResidentAndAllowedAndNothingElse) {
  constexpr uint32_t kRecords = 64;
  constexpr uint32_t kSlots = 20;
  const auto policy = MakePolicy(GetParam(), kRecords, kSlots);
  ASSERT_NE(policy, nullptr);
  std::mt19937 random(7);
  std::set<uint32_t> resident;
  for (int step = 0; step < 20000; ++step) {
    const uint32_t record = random() % (random() % 2 ? kRecords : 12);
    // A different part of the records may not be evicted at each step.
    const uint32_t held = random() % 5;
    const auto may_evict = [held](uint32_t r) { return r % 5 != held; };
    if (resident.count(record) > 0) {
      if (random() % 16 == 0) {
        policy->Remove(record);
        resident.erase(record);
      } else {
        policy->Touch(record);
      }
      continue;
    }
    if (resident.size() == kSlots) {
      const uint32_t victim = policy->Evict(may_evict);
      bool allowed = false;
      for (const uint32_t r : resident) allowed = allowed || may_evict(r);
      ASSERT_EQ(victim != kNone, allowed);
      if (victim == kNone) continue;
      ASSERT_TRUE(may_evict(victim));
      ASSERT_EQ(resident.erase(victim), 1u);
    }
    policy->Insert(record, random() % 4 != 0);
    resident.insert(record);
  }
  while (!resident.empty()) ASSERT_EQ(resident.erase(policy->Evict(kAny)), 1u);
  EXPECT_EQ(policy->Evict(kAny), kNone);
}

TEST_P(AnyPolicyTest, KeepsWhatIsAskedForAllTheTime) {
  const auto policy = MakePolicy(GetParam(), 1000, 10);
  uint32_t resident = 0;
  const auto insert = [&](uint32_t record) {
    if (++resident > 10) {
      EXPECT_GE(policy->Evict(kAny), 3u) << record;
    }
    policy->Insert(record, true);
  };
  for (uint32_t record = 0; record < 3; ++record) insert(record);
  for (uint32_t record = 3; record < 500; ++record) {
    for (uint32_t favourite = 0; favourite < 3; ++favourite) policy->Touch(favourite);
    insert(record);
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, AnyPolicyTest, testing::Values("lru", "lfu", "s3fifo"));

TEST(CachePolicyTest, NamesAreThoseThatCanBeMade) {
  int count = 0;
  for (const char* const* name = kPolicyNames; *name != nullptr; ++name, ++count) {
    EXPECT_NE(MakePolicy(*name, 4, 2), nullptr) << *name;
  }
  EXPECT_EQ(count, 3);
  EXPECT_NE(MakePolicy(nullptr, 4, 2), nullptr);
  EXPECT_EQ(MakePolicy("fifo", 4, 2), nullptr);
}

TEST(LruTest, TheLongestUnusedGoesFirst) {
  const auto lru = MakeLru(8, 4);
  for (const uint32_t record : {1, 2, 3, 4}) lru->Insert(record, true);
  lru->Touch(1);
  EXPECT_EQ(lru->Evict(kAny), 2u);
  EXPECT_EQ(lru->Evict([](uint32_t r) { return r != 3; }), 4u);
  EXPECT_EQ(lru->Evict(kAny), 3u);
  EXPECT_EQ(lru->Evict(kAny), 1u);
}

TEST(LfuTest, RemembersTheCountOfWhatWasEvicted) {
  const auto lfu = MakeLfu(8, 2);
  lfu->Insert(1, true);
  for (int i = 0; i < 5; ++i) lfu->Touch(1);
  lfu->Insert(2, true);
  EXPECT_EQ(lfu->Evict(kAny), 2u);
  EXPECT_EQ(lfu->Evict(kAny), 1u);
  lfu->Insert(1, true);  // 7 askings
  lfu->Insert(3, true);
  for (int i = 0; i < 3; ++i) lfu->Touch(3);
  EXPECT_EQ(lfu->Evict(kAny), 3u);
}

TEST(LfuTest, CountsAge) {
  const auto lfu = MakeLfu(8, 2);
  lfu->Insert(1, true);
  for (int i = 0; i < 100; ++i) lfu->Touch(1);
  lfu->Insert(2, true);
  // Many half lives: 1 is history.
  for (int i = 0; i < 500; ++i) lfu->Touch(2);
  EXPECT_EQ(lfu->Evict(kAny), 1u);
}

TEST(LfuTest, AGuessDoesNotCount) {
  const auto lfu = MakeLfu(8, 2);
  lfu->Insert(1, true);
  lfu->Insert(2, false);
  EXPECT_EQ(lfu->Evict(kAny), 2u);
}

TEST(LfuTest, ScoresSurviveTheRescalingOfTheirWeights) {
  const auto lfu = MakeLfu(4, 1);
  lfu->Insert(0, true);
  for (int i = 0; i < 100000; ++i) lfu->Touch(0);
  lfu->Insert(1, true);
  EXPECT_EQ(lfu->Evict(kAny), 1u);
}

TEST(S3FifoTest, OneTimeRecordsPassThroughTheSmallQueue) {
  const auto fifo = MakeS3Fifo(100, 20);
  for (uint32_t record = 0; record < 20; ++record) fifo->Insert(record, true);
  fifo->Touch(0);
  // 0 was asked for again: it moves on to the main queue, 1 goes.
  EXPECT_EQ(fifo->Evict(kAny), 1u);
  fifo->Insert(50, true);
  EXPECT_EQ(fifo->Evict(kAny), 2u);
  // What comes back soon after it left goes to the main queue at once.
  fifo->Insert(1, true);
  for (uint32_t expected = 3; expected < 20; ++expected) {
    EXPECT_EQ(fifo->Evict(kAny), expected);
    fifo->Insert(expected + 57, true);
  }
}

TEST(S3FifoTest, AGuessThatIsAskedForOnceIsAOneTimeRecord) {
  const auto fifo = MakeS3Fifo(100, 20);
  for (uint32_t record = 0; record < 20; ++record) fifo->Insert(record, /*demanded=*/record >= 2);
  fifo->Touch(0);
  fifo->Touch(1);
  fifo->Touch(1);
  EXPECT_EQ(fifo->Evict(kAny), 0u);
  EXPECT_EQ(fifo->Evict(kAny), 2u) << "1 was asked for again";
}

}  // namespace
}  // namespace record_bank
