// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023).
//
//   small   a tenth of the slots: what is new, first in, first out
//   main    the rest: what was asked for again while in small, or soon after leaving it
//   ghost   numbers of records that left small unused, as many as main has slots
//
// Two differences: a record that may not be evicted now (leased, pinned, loading) is passed over and
// stays where it is in its queue; and the first asking for a record that was read on a guess is what
// reading it would have been without the guess, not an asking again.
#include <algorithm>
#include <vector>

#include "plugins/common/record_bank/cache_policy.h"

namespace record_bank {
namespace {

constexpr uint32_t kSmallShare = 10;  // one in so many slots
constexpr uint8_t kMostCount = 3;

class S3Fifo final : public CachePolicy {
 public:
  S3Fifo(uint32_t record_count, uint32_t slot_count)
      : links_(record_count),
        small_(&links_),
        main_(&links_),
        ghost_(&links_),
        count_(record_count, 0),
        guessed_(record_count, false),
        place_(record_count, Place::kNowhere) {
    S3Fifo::SetCapacity(slot_count);
  }

  void Insert(uint32_t record, bool demanded) override {
    const bool was_ghost = place_[record] == Place::kGhost;
    if (was_ghost) ghost_.Remove(record);
    count_[record] = 0;
    guessed_[record] = !demanded;
    Put(record, was_ghost ? Place::kMain : Place::kSmall);
  }
  void Touch(uint32_t record) override {
    if (guessed_[record]) {
      guessed_[record] = false;
      return;
    }
    count_[record] = static_cast<uint8_t>(std::min<int>(count_[record] + 1, kMostCount));
  }
  uint32_t Evict(const MayEvict& may_evict) override {
    const bool small_first = small_.size() > small_target_ || main_.empty();
    uint32_t victim = small_first ? EvictSmall(may_evict) : EvictMain(may_evict);
    if (victim == kNone) victim = small_first ? EvictMain(may_evict) : EvictSmall(may_evict);
    // All of small moved to main, which had nobody to give up before.
    if (victim == kNone && small_first) victim = EvictMain(may_evict);
    if (victim == kNone && !small_first) victim = EvictMain(may_evict);
    return victim;
  }
  void Remove(uint32_t record) override {
    (place_[record] == Place::kSmall ? small_ : main_).Remove(record);
    place_[record] = Place::kNowhere;
  }
  void SetCapacity(uint32_t slot_count) override {
    small_target_ = std::max<uint32_t>(1, slot_count / kSmallShare);
    ghost_target_ = std::max<uint32_t>(1, slot_count - std::min(slot_count, small_target_));
    TrimGhost();
  }

 private:
  enum class Place : uint8_t { kNowhere, kSmall, kMain, kGhost };

  void Put(uint32_t record, Place place) {
    place_[record] = place;
    (place == Place::kSmall ? small_ : place == Place::kMain ? main_ : ghost_).PushBack(record);
  }

  uint32_t EvictSmall(const MayEvict& may_evict) {
    uint32_t next = kNone;
    for (uint32_t record = small_.front(); record != kNone; record = next) {
      next = small_.After(record);
      if (!may_evict(record)) continue;
      small_.Remove(record);
      if (count_[record] > 0) {
        count_[record] = 0;
        Put(record, Place::kMain);
        continue;
      }
      Put(record, Place::kGhost);
      TrimGhost();
      return record;
    }
    return kNone;
  }

  uint32_t EvictMain(const MayEvict& may_evict) {
    // Every turn takes one from the count of whatever it passes: kMostCount + 1 turns find someone.
    for (int turn = 0; turn <= kMostCount; ++turn) {
      uint32_t record = main_.front();
      for (uint32_t left = main_.size(); left > 0; --left) {
        const uint32_t next = main_.After(record);
        if (may_evict(record)) {
          if (count_[record] == 0) {
            Remove(record);
            return record;
          }
          --count_[record];
          main_.MoveToBack(record);
        }
        record = next == kNone ? main_.front() : next;
      }
    }
    return kNone;
  }

  void TrimGhost() {
    while (ghost_.size() > ghost_target_) {
      place_[ghost_.front()] = Place::kNowhere;
      ghost_.Remove(ghost_.front());
    }
  }

  IndexLinks links_;
  IndexList small_, main_, ghost_;
  std::vector<uint8_t> count_;  // askings since it came or was passed over
  std::vector<bool> guessed_;   // read on a guess, and not asked for yet
  std::vector<Place> place_;
  uint32_t small_target_ = 1;
  uint32_t ghost_target_ = 1;
};

}  // namespace

std::unique_ptr<CachePolicy> MakeS3Fifo(uint32_t record_count, uint32_t slot_count) {
  return std::make_unique<S3Fifo>(record_count, slot_count);
}

}  // namespace record_bank
