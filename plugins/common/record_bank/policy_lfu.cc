// Least frequently used, with ageing, and a memory for records that are not in the cache.
//
//   score(r) = sum over the times t at which r was asked for of 2^((t - now) / half_life)
//
// Time is counted in askings. The score of a record goes on while it is evicted: an expert that was
// popular a while ago comes back as popular, which a count that starts anew in the cache forgets.
// Experts of one layer are asked for once a token, so half a life must span many tokens: it is a
// number of turns over the whole cache.
#include <vector>

#include "plugins/common/record_bank/cache_policy.h"

namespace record_bank {
namespace {

// Chosen by replay over routing of several localities: 2 forgets what is popular (86.8 instead of
// 89.2 % at locality 0 and a quarter of the experts), 16 clings to it (88.7 instead of 91.6 % at
// 0.8).
constexpr double kHalfLifeInCacheTurns = 4;
// Before the growing weights leave what a double can hold.
constexpr double kRescaleAt = 0x1p500;

class Lfu final : public CachePolicy {
 public:
  Lfu(uint32_t record_count, uint32_t slot_count)
      : score_(record_count, 0), place_(record_count, kNone) {
    resident_.reserve(slot_count);
    Lfu::SetCapacity(slot_count);
  }

  void Insert(uint32_t record, bool demanded) override {
    place_[record] = static_cast<uint32_t>(resident_.size());
    resident_.push_back(record);
    if (demanded) Count(record);
  }
  void Touch(uint32_t record) override { Count(record); }
  uint32_t Evict(const MayEvict& may_evict) override {
    // Some hundred numbers in a row: faster than keeping a heap in order at every asking.
    uint32_t victim = kNone;
    for (const uint32_t record : resident_) {
      if ((victim == kNone || score_[record] < score_[victim]) && may_evict(record)) {
        victim = record;
      }
    }
    if (victim != kNone) Remove(victim);
    return victim;
  }
  void Remove(uint32_t record) override {
    const uint32_t last = resident_.back();
    resident_[place_[record]] = last;
    place_[last] = place_[record];
    place_[record] = kNone;
    resident_.pop_back();
  }
  void SetCapacity(uint32_t slot_count) override {
    growth_ = 1 + 0.6931471805599453 / (kHalfLifeInCacheTurns * (slot_count == 0 ? 1 : slot_count));
  }

 private:
  // Instead of letting all scores shrink, the weight of the present grows.
  void Count(uint32_t record) {
    score_[record] += weight_;
    weight_ *= growth_;
    if (weight_ < kRescaleAt) return;
    for (double& score : score_) score /= kRescaleAt;
    weight_ /= kRescaleAt;
  }

  std::vector<double> score_;
  std::vector<uint32_t> resident_;
  std::vector<uint32_t> place_;  // of a record in resident_
  double weight_ = 1;
  double growth_ = 1;
};

}  // namespace

std::unique_ptr<CachePolicy> MakeLfu(uint32_t record_count, uint32_t slot_count) {
  return std::make_unique<Lfu>(record_count, slot_count);
}

}  // namespace record_bank
