#include "plugins/expert_bank/memory_plan.h"

#include <algorithm>

#include "core/abi/error.h"
#include "plugins/expert_bank/cache_policy.h"
#include "plugins/expert_bank/threads.h"

namespace expert_bank {
namespace {

using Number = unsigned long long;  // NOLINT: what %llu takes

// Storage gains little beyond this depth (README.md), and a layer's experts are fewer.
constexpr uint32_t kMostJobs = 16;
constexpr uint32_t kMostJobsAsked = 256;
// Buffers are taken from the cache: by themselves no more than this part of the budget.
constexpr uint64_t kJobShare = 32;
constexpr uint32_t kFewestJobs = 2;

constexpr uint64_t kRecordBytes = 8 + kPolicyBytesPerRecord;
constexpr uint64_t kSlotBookkeepingBytes = 96;
constexpr uint64_t kJobBookkeepingBytes = 2048;
// The ring, the tickets, the handle itself.
constexpr uint64_t kSmallThingsBytes = 128 * 1024;

}  // namespace

uint64_t MemoryPlan::SlotsOf(uint64_t budget_bytes) const {
  const uint64_t taken = fixed_bytes + job_count * job_bytes;
  return budget_bytes < taken ? 0 : (budget_bytes - taken) / slot_bytes;
}

kl_code PlanMemory(const Layout& layout, const MemoryNeeds& needs, uint64_t budget_bytes,
                   MemoryPlan* plan, kl_error* error) {
  *plan = MemoryPlan();
  if (needs.min_lease_count == 0) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "min_lease_count is 0, expected 1 or more");
  }
  plan->fixed_bytes = needs.record_count * kRecordBytes +
                      (1 + needs.finisher_count) * kThreadBytes + kSmallThingsBytes;
  plan->slot_bytes =
      layout.slot_stride + kSlotBookkeepingBytes + layout.most_pieces * sizeof(void*);
  plan->job_bytes = layout.buffer_bytes + kJobBookkeepingBytes;
  if (needs.pool) plan->job_bytes += layout.most_pieces * kThreadBytes;
  if (needs.buffered) plan->job_bytes += layout.most_pieces * layout.most_range_bytes;

  const uint64_t needed = std::min<uint64_t>(needs.min_lease_count, needs.record_count);
  plan->job_count = 1;
  plan->least_bytes = plan->BytesOf(needed);
  if (budget_bytes < plan->least_bytes) {
    return kl_fail(error, KL_OUT_OF_BUDGET,
                   "a budget of %llu bytes is too small for %llu records of %llu bytes at the same "
                   "time: give at least %llu bytes",
                   Number{budget_bytes}, Number{needed}, Number{layout.slot_bytes},
                   Number{plan->least_bytes});
  }
  uint64_t jobs = needs.queue_depth;
  if (jobs == 0) {
    jobs = std::clamp<uint64_t>(budget_bytes / kJobShare / plan->job_bytes, kFewestJobs, kMostJobs);
  }
  jobs = std::min<uint64_t>({jobs, kMostJobsAsked, needs.record_count});
  const uint64_t affordable = 1 + (budget_bytes - plan->least_bytes) / plan->job_bytes;
  plan->job_count = static_cast<uint32_t>(std::min(jobs, affordable));
  plan->slot_count =
      static_cast<uint32_t>(std::min(plan->SlotsOf(budget_bytes), needs.record_count));
  return KL_OK;
}

}  // namespace expert_bank
