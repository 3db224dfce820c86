// Least recently used.
#include "plugins/common/record_bank/cache_policy.h"

namespace record_bank {
namespace {

class Lru final : public CachePolicy {
 public:
  explicit Lru(uint32_t record_count) : links_(record_count), order_(&links_) {}

  void Insert(uint32_t record, bool) override { order_.PushBack(record); }
  void Touch(uint32_t record) override { order_.MoveToBack(record); }
  uint32_t Evict(const MayEvict& may_evict) override {
    for (uint32_t record = order_.front(); record != kNone; record = order_.After(record)) {
      if (!may_evict(record)) continue;
      order_.Remove(record);
      return record;
    }
    return kNone;
  }
  void Remove(uint32_t record) override { order_.Remove(record); }
  void SetCapacity(uint32_t) override {}

 private:
  IndexLinks links_;
  IndexList order_;  // the longest unused first
};

}  // namespace

std::unique_ptr<CachePolicy> MakeLru(uint32_t record_count, uint32_t) {
  return std::make_unique<Lru>(record_count);
}

}  // namespace record_bank
