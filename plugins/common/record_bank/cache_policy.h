// Which record leaves the cache when another one needs its slot.
//
// Pure bookkeeping over record numbers: no I/O, no clock, no threads, nothing random; the same
// calls give the same victims. The bank runs a policy under its lock, replay() runs it over
// recorded routing: the same code answers "what if" and does the work.
//
//   Insert(r)     r got a slot (its read may still be under way)
//   Touch(r)      r is resident and was asked for
//   Evict(may)    takes out the record to give up, among those that may() allows
//   Remove(r)     r left for another reason: a failed read, a dropped prefetch
//
// To add one: a file policy_<name>.cc with its factory, and a line in cache_policy.cc.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_CACHE_POLICY_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_CACHE_POLICY_H_

#include <cstdint>
#include <memory>

#include "plugins/common/record_bank/index_list.h"

namespace record_bank {

// A reference to a callable bool(uint32_t record) that outlives the call it is passed to.
class MayEvict {
 public:
  template <typename Callable>
  MayEvict(const Callable& callable)  // NOLINT: meant to convert
      : object_(&callable), call_([](const void* object, uint32_t record) {
          return (*static_cast<const Callable*>(object))(record);
        }) {}
  bool operator()(uint32_t record) const { return call_(object_, record); }

 private:
  const void* object_;
  bool (*call_)(const void*, uint32_t);
};

class CachePolicy {
 public:
  virtual ~CachePolicy() = default;
  // `demanded`: somebody asked for it; otherwise it is a guess (a prefetch).
  virtual void Insert(uint32_t record, bool demanded) = 0;
  virtual void Touch(uint32_t record) = 0;
  // kNone when no resident record may be evicted.
  virtual uint32_t Evict(const MayEvict& may_evict) = 0;
  virtual void Remove(uint32_t record) = 0;
  // The cache has so many slots from now on. Evicts nothing by itself.
  virtual void SetCapacity(uint32_t slot_count) = 0;
};

// Bytes that any policy keeps for a record of the bank, resident or not: an upper bound.
inline constexpr uint64_t kPolicyBytesPerRecord = 24;

// Names, ended by nullptr; the first is the default.
extern const char* const kPolicyNames[];

// nullptr for a name that is not among kPolicyNames. A null name is the default.
std::unique_ptr<CachePolicy> MakePolicy(const char* name, uint32_t record_count,
                                        uint32_t slot_count);

// The policies themselves.
std::unique_ptr<CachePolicy> MakeLru(uint32_t record_count, uint32_t slot_count);
std::unique_ptr<CachePolicy> MakeLfu(uint32_t record_count, uint32_t slot_count);
std::unique_ptr<CachePolicy> MakeS3Fifo(uint32_t record_count, uint32_t slot_count);

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_CACHE_POLICY_H_
