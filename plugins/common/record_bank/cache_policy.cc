#include "plugins/common/record_bank/cache_policy.h"

#include <cstring>

namespace record_bank {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<CachePolicy> (*make)(uint32_t record_count, uint32_t slot_count);
};

// The default first; plugins/expert_bank/README.md has the figures that chose it.
constexpr Entry kEntries[] = {{"lfu", MakeLfu}, {"s3fifo", MakeS3Fifo}, {"lru", MakeLru}};

}  // namespace

const char* const kPolicyNames[] = {kEntries[0].name, kEntries[1].name, kEntries[2].name, nullptr};

std::unique_ptr<CachePolicy> MakePolicy(const char* name, uint32_t record_count,
                                        uint32_t slot_count) {
  for (const Entry& entry : kEntries) {
    if (name == nullptr || strcmp(name, entry.name) == 0) {
      return entry.make(record_count, slot_count);
    }
  }
  return nullptr;
}

}  // namespace record_bank
