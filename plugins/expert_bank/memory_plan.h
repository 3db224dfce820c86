// How a budget is cut up. Pure.
//
//   budget = fixed + job_count * job_bytes + slot_count * slot_bytes
//
//   fixed   per record: where it is, the policy's bookkeeping; threads
//   job     a read's buffer, and what a thread and the page cache keep for it
//   slot    the record itself, rounded up to blocks, and its bookkeeping
#ifndef KINGLET_PLUGINS_EXPERT_BANK_MEMORY_PLAN_H_
#define KINGLET_PLUGINS_EXPERT_BANK_MEMORY_PLAN_H_

#include <cstdint>

#include "core/abi/types.h"
#include "plugins/expert_bank/record_layout.h"

namespace expert_bank {

struct MemoryNeeds {
  uint64_t record_count = 0;
  uint32_t min_lease_count = 1;
  uint32_t queue_depth = 0;  // jobs asked for; 0: as many as help
  uint32_t finisher_count = 1;
  bool pool = false;      // a thread for each read under way
  bool buffered = false;  // reads go through the page cache
};

struct MemoryPlan {
  uint32_t job_count = 0;
  uint32_t slot_count = 0;
  uint64_t fixed_bytes = 0;
  uint64_t job_bytes = 0;
  uint64_t slot_bytes = 0;
  uint64_t least_bytes = 0;  // the smallest budget that works

  // The slots that a budget leaves to a bank with these jobs, and what a number of slots takes.
  uint64_t SlotsOf(uint64_t budget_bytes) const;
  uint64_t BytesOf(uint64_t slots) const {
    return fixed_bytes + job_count * job_bytes + slots * slot_bytes;
  }
};

// KL_OUT_OF_BUDGET, with the smallest budget that works in the message; everything but the two
// counts is filled in then. KL_INVALID_ARGUMENT: a bank with fewer records than leases is fine,
// one with no lease is not.
kl_code PlanMemory(const Layout& layout, const MemoryNeeds& needs, uint64_t budget_bytes,
                   MemoryPlan* plan, kl_error* error);

}  // namespace expert_bank

#endif  // KINGLET_PLUGINS_EXPERT_BANK_MEMORY_PLAN_H_
