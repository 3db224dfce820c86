#include "plugins/common/record_bank/replay.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "core/abi/error.h"
#include "plugins/common/record_bank/cache_policy.h"

namespace record_bank {
namespace {

constexpr uint64_t kNever = UINT64_MAX;

// The optimum (Belady): gives up what is not asked for again for the longest time.
class Belady final : public CachePolicy {
 public:
  Belady(uint32_t record_count, const uint64_t* ids, uint64_t count)
      : next_of_asking_(count), next_(record_count, kNever), place_(record_count, kNone) {
    for (uint64_t i = count; i-- > 0;) {
      if (ids[i] == KL_BANK_NO_RECORD) continue;
      next_of_asking_[i] = next_[ids[i]];
      next_[ids[i]] = i;
    }
  }
  // What follows is about ids[position].
  void At(uint64_t position) { position_ = position; }

  void Insert(uint32_t record, bool) override {
    place_[record] = static_cast<uint32_t>(resident_.size());
    resident_.push_back(record);
    next_[record] = next_of_asking_[position_];
  }
  void Touch(uint32_t record) override { next_[record] = next_of_asking_[position_]; }
  uint32_t Evict(const MayEvict& may_evict) override {
    uint32_t victim = kNone;
    for (const uint32_t record : resident_) {
      if ((victim == kNone || next_[record] > next_[victim]) && may_evict(record)) victim = record;
    }
    if (victim != kNone) Remove(victim);
    return victim;
  }
  void Remove(uint32_t record) override {
    const uint32_t last = resident_.back();
    resident_[place_[record]] = last;
    place_[last] = place_[record];
    resident_.pop_back();
  }
  void SetCapacity(uint32_t) override {}

 private:
  std::vector<uint64_t> next_of_asking_;  // when the same record is asked for again
  std::vector<uint64_t> next_;            // of a resident record
  std::vector<uint32_t> resident_;
  std::vector<uint32_t> place_;
  uint64_t position_ = 0;
};

class Replayer {
 public:
  Replayer(CachePolicy* policy, Belady* belady, uint32_t record_count, uint32_t slot_count)
      : policy_(*policy),
        belady_(belady),
        slots_left_(slot_count),
        resident_(record_count, 0),
        leased_(record_count, 0) {}

  // One group of askings, leased together; `first` is its position in the whole. As the bank does
  // it: those that are there are taken first, so that no miss of the group evicts them.
  void Group(const uint64_t* ids, uint64_t count, uint64_t first) {
    for (uint64_t i = 0; i < count; ++i) {
      if (ids[i] == KL_BANK_NO_RECORD || !resident_[ids[i]]) continue;
      Take(static_cast<uint32_t>(ids[i]), first + i);
    }
    const auto may_evict = [this](uint32_t record) { return !leased_[record]; };
    for (uint64_t i = 0; i < count; ++i) {
      if (ids[i] == KL_BANK_NO_RECORD) continue;
      const auto record = static_cast<uint32_t>(ids[i]);
      if (leased_[record]) continue;
      ++misses_;
      if (slots_left_ > 0) {
        --slots_left_;
      } else {
        resident_[policy_.Evict(may_evict)] = 0;
      }
      if (belady_ != nullptr) belady_->At(first + i);
      policy_.Insert(record, true);
      resident_[record] = leased_[record] = 1;
    }
    for (uint64_t i = 0; i < count; ++i) {
      if (ids[i] != KL_BANK_NO_RECORD) leased_[ids[i]] = 0;
    }
  }

  uint64_t hits() const { return hits_; }
  uint64_t misses() const { return misses_; }

 private:
  void Take(uint32_t record, uint64_t position) {
    ++hits_;
    if (belady_ != nullptr) belady_->At(position);
    policy_.Touch(record);
    leased_[record] = 1;
  }

  CachePolicy& policy_;
  Belady* const belady_;
  uint32_t slots_left_;
  std::vector<uint8_t> resident_, leased_;
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
};

}  // namespace

kl_code Replay(const char* policy, uint64_t record_count, uint64_t slot_count, const uint64_t* ids,
               uint64_t count, uint32_t lease_count, kl_bank_replay_result* result,
               kl_error* error) {
  if (record_count == 0 || record_count >= kNone || lease_count == 0 || slot_count < lease_count) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "replay: expected 1 to 2^32 - 2 records and at least as many slots as leases "
                   "(> 0), found %llu, %llu and %u",
                   static_cast<unsigned long long>(record_count),
                   static_cast<unsigned long long>(slot_count), lease_count);
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (ids[i] < record_count || ids[i] == KL_BANK_NO_RECORD) continue;
    return kl_fail(error, KL_INVALID_ARGUMENT, "replay: asking %llu is for record %llu of %llu",
                   static_cast<unsigned long long>(i), static_cast<unsigned long long>(ids[i]),
                   static_cast<unsigned long long>(record_count));
  }
  const auto records = static_cast<uint32_t>(record_count);
  const auto slots = static_cast<uint32_t>(std::min(slot_count, record_count));
  std::unique_ptr<CachePolicy> made;
  Belady* belady = nullptr;
  if (policy != nullptr && strcmp(policy, "belady") == 0) {
    auto optimum = std::make_unique<Belady>(records, ids, count);
    belady = optimum.get();
    made = std::move(optimum);
  } else {
    made = MakePolicy(policy, records, slots);
  }
  if (made == nullptr) {
    return kl_fail(error, KL_NOT_FOUND,
                   "replay: no policy '%.40s'; there are lfu, s3fifo, lru and belady", policy);
  }
  Replayer replayer(made.get(), belady, records, slots);
  for (uint64_t first = 0; first < count; first += lease_count) {
    replayer.Group(ids + first, std::min<uint64_t>(lease_count, count - first), first);
  }
  result->hit_count = replayer.hits();
  result->miss_count = replayer.misses();
  return KL_OK;
}

}  // namespace record_bank
