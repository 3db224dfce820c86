// How a budget is cut up. Pure.
//
//   budget = fixed + job_count * job_bytes + sum over groups of slot_count * slot_bytes
//
//   fixed   per record: where it is, the policy's bookkeeping; threads
//   job     a read's buffer, and what a thread and the page cache keep for it
//   slot    the record itself, rounded up to blocks, and its bookkeeping
//
// Each group has the slots that its leases need. What is left buys slots for the first group until
// all of its records have one, then for the next: the upper levels of a memory stay.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_MEMORY_PLAN_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_MEMORY_PLAN_H_

#include <cstdint>
#include <vector>

#include "core/abi/types.h"
#include "plugins/common/record_bank/record_layout.h"

namespace record_bank {

struct MemoryNeeds {
  uint64_t record_count = 0;
  uint32_t min_lease_count = 1;  // of each group
  uint32_t queue_depth = 0;      // jobs asked for; 0: as many as help
  uint32_t finisher_count = 1;
  bool pool = false;                       // a thread for each read under way
  bool buffered = false;                   // reads go through the page cache
  uint64_t places_bytes = 0;               // what RecordPlaces takes
  uint64_t most_spare_bytes = UINT64_MAX;  // of slots beyond those of the leases
};

struct GroupPlan {
  uint64_t slot_bytes = 0;    // with its bookkeeping
  uint32_t record_count = 0;  // no more slots than this
  uint32_t least_count = 0;   // slots that the leases need
  uint32_t slot_count = 0;
};

struct MemoryPlan {
  uint32_t job_count = 0;
  uint64_t fixed_bytes = 0;
  uint64_t job_bytes = 0;
  uint64_t least_bytes = 0;  // the smallest budget that works
  uint64_t most_spare_bytes = UINT64_MAX;
  std::vector<GroupPlan> groups;

  uint32_t slot_count() const;  // of all groups
  uint64_t slot_bytes() const;  // of one slot of each group
  // What these slots take, with everything else; counts: one number a group.
  uint64_t BytesOf(const std::vector<uint32_t>& counts) const;
  // The slots that a budget leaves to a bank with these jobs, at least `floor` of each group. Empty
  // when the budget is too small for that.
  std::vector<uint32_t> Share(uint64_t budget_bytes, std::vector<uint32_t> floor) const;
  std::vector<uint32_t> LeastCounts() const;
};

// KL_OUT_OF_BUDGET, with the smallest budget that works in the message; everything but the
// counts is filled in then. KL_INVALID_ARGUMENT: a bank with fewer records than leases is fine,
// one with no lease is not.
kl_code PlanMemory(const Layout& layout, const MemoryNeeds& needs, uint64_t budget_bytes,
                   MemoryPlan* plan, kl_error* error);

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_MEMORY_PLAN_H_
