#include "plugins/common/record_bank/replay.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "plugins/common/record_bank/cache_policy.h"

namespace record_bank {
namespace {

kl_bank_replay_result HitsOf(const char* policy, uint64_t slots, const std::vector<uint64_t>& ids,
                             uint32_t leases = 1, uint64_t records = 64) {
  kl_bank_replay_result result = {sizeof result, 0, 0};
  kl_error error = {sizeof error, KL_OK, {}};
  EXPECT_EQ(Replay(policy, records, slots, ids.data(), ids.size(), leases, &result, &error), KL_OK)
      << error.message;
  return result;
}

// Hits of the best choice of victims, by trying all of them.
uint64_t BestHits(const std::vector<uint64_t>& ids, size_t at, std::vector<uint64_t> cache,
                  size_t slots) {
  if (at == ids.size()) return 0;
  for (const uint64_t id : cache) {
    if (id == ids[at]) return 1 + BestHits(ids, at + 1, cache, slots);
  }
  if (cache.size() < slots) {
    cache.push_back(ids[at]);
    return BestHits(ids, at + 1, cache, slots);
  }
  uint64_t best = 0;
  for (size_t victim = 0; victim < slots; ++victim) {
    std::vector<uint64_t> after = cache;
    after[victim] = ids[at];
    best = std::max(best, BestHits(ids, at + 1, after, slots));
  }
  return best;
}

TEST(ReplayTest, BeladyIsTheOptimum) {
  std::mt19937 random(1);
  for (int round = 0; round < 40; ++round) {
    std::vector<uint64_t> ids(11);
    for (uint64_t& id : ids) id = random() % 5;
    EXPECT_EQ(HitsOf("belady", 3, ids).hit_count, BestHits(ids, 0, {}, 3));
  }
}

TEST(ReplayTest, NoPolicyBeatsTheOptimumAndMoreSlotsNeverHurtIt) {
  std::mt19937 random(3);
  std::vector<uint64_t> ids;
  for (int i = 0; i < 4000; ++i) {
    // Groups of four different ones, as a layer's experts.
    const uint64_t base = random() % 2 ? random() % 12 : random() % 60;
    for (uint64_t k = 0; k < 4; ++k) ids.push_back((base + k * 5) % 64);
  }
  uint64_t before = 0;
  for (const uint64_t slots : {4, 8, 16, 32, 64}) {
    const uint64_t best = HitsOf("belady", slots, ids, 4).hit_count;
    EXPECT_GE(best, before);
    before = best;
    for (const char* const* name = kPolicyNames; *name != nullptr; ++name) {
      const kl_bank_replay_result result = HitsOf(*name, slots, ids, 4);
      EXPECT_LE(result.hit_count, best) << *name;
      EXPECT_EQ(result.hit_count + result.miss_count, ids.size()) << *name;
    }
  }
  // All fit: every record is read once.
  EXPECT_EQ(ids.size() - before, 64u);
}

TEST(ReplayTest, WhatIsLeasedTogetherIsNotEvicted) {
  // Two slots, two leases: 1 is used together with 3, so 2 goes although it is the more recent.
  const auto result = HitsOf("lru", 2, {1, 2, 3, 1, 1, 3}, 2);
  EXPECT_EQ(result.hit_count, 3u);
  EXPECT_EQ(result.miss_count, 3u);
}

TEST(ReplayTest, LeasesThatAreNotTakenCountForNothing) {
  const auto result = HitsOf(nullptr, 2, {1, KL_BANK_NO_RECORD, KL_BANK_NO_RECORD, 1}, 2);
  EXPECT_EQ(result.hit_count, 1u);
  EXPECT_EQ(result.miss_count, 1u);
}

TEST(ReplayTest, NonsenseIsRefused) {
  kl_bank_replay_result result = {sizeof result, 0, 0};
  kl_error error = {sizeof error, KL_OK, {}};
  const uint64_t ids[] = {1, 9};
  EXPECT_EQ(Replay("lru", 9, 4, ids, 2, 1, &result, &error), KL_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "replay: asking 1 is for record 9 of 9");
  EXPECT_EQ(Replay("fifo", 10, 4, ids, 2, 1, &result, &error), KL_NOT_FOUND);
  EXPECT_EQ(Replay("lru", 10, 1, ids, 2, 2, &result, &error), KL_INVALID_ARGUMENT);
  EXPECT_EQ(Replay("lru", 10, 4, ids, 2, 0, &result, &error), KL_INVALID_ARGUMENT);
  EXPECT_EQ(Replay("lru", 0, 4, ids, 0, 1, &result, &error), KL_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace record_bank
