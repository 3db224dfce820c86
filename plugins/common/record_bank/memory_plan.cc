#include "plugins/common/record_bank/memory_plan.h"

#include <algorithm>

#include "core/abi/error.h"
#include "plugins/common/record_bank/cache_policy.h"
#include "plugins/common/record_bank/threads.h"

namespace record_bank {
namespace {

using Number = unsigned long long;  // NOLINT: what %llu takes

// Storage gains little beyond this depth (README.md), and a layer's experts are fewer.
constexpr uint32_t kMostJobs = 16;
constexpr uint32_t kMostJobsAsked = 256;
// Buffers are taken from the cache: by themselves no more than this part of the budget.
constexpr uint64_t kJobShare = 32;
constexpr uint32_t kFewestJobs = 2;

// Its slot, whether it was verified, what the policy keeps.
constexpr uint64_t kRecordBytes = 9 + kPolicyBytesPerRecord;
constexpr uint64_t kSlotBookkeepingBytes = 96;
constexpr uint64_t kJobBookkeepingBytes = 2048;
// The ring, the tickets, the handle itself.
constexpr uint64_t kSmallThingsBytes = 128 * 1024;

uint64_t MostSlotBytes(const Layout& layout) {
  uint64_t most = 0;
  for (const GroupLayout& group : layout.groups) most = std::max(most, group.slot_bytes);
  return most;
}

}  // namespace

uint32_t MemoryPlan::slot_count() const {
  uint32_t count = 0;
  for (const GroupPlan& group : groups) count += group.slot_count;
  return count;
}

uint64_t MemoryPlan::slot_bytes() const {
  uint64_t bytes = 0;
  for (const GroupPlan& group : groups) bytes += group.slot_bytes;
  return bytes;
}

uint64_t MemoryPlan::BytesOf(const std::vector<uint32_t>& counts) const {
  uint64_t bytes = fixed_bytes + job_count * job_bytes;
  for (size_t i = 0; i < groups.size(); ++i) bytes += counts[i] * groups[i].slot_bytes;
  return bytes;
}

std::vector<uint32_t> MemoryPlan::LeastCounts() const {
  std::vector<uint32_t> counts;
  for (const GroupPlan& group : groups) counts.push_back(group.least_count);
  return counts;
}

std::vector<uint32_t> MemoryPlan::Share(uint64_t budget_bytes, std::vector<uint32_t> floor) const {
  const uint64_t taken = BytesOf(floor);
  if (budget_bytes < taken) return {};
  uint64_t left = std::min(budget_bytes - taken, most_spare_bytes);
  for (size_t i = 0; i < groups.size(); ++i) {
    const uint64_t wanted = groups[i].record_count - std::min(groups[i].record_count, floor[i]);
    const uint64_t more = std::min(wanted, left / groups[i].slot_bytes);
    floor[i] += static_cast<uint32_t>(more);
    left -= more * groups[i].slot_bytes;
  }
  return floor;
}

kl_code PlanMemory(const Layout& layout, const MemoryNeeds& needs, uint64_t budget_bytes,
                   MemoryPlan* plan, kl_error* error) {
  *plan = MemoryPlan();
  if (needs.min_lease_count == 0) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "min_lease_count is 0, expected 1 or more");
  }
  plan->fixed_bytes = needs.record_count * kRecordBytes +
                      (1 + needs.finisher_count) * kThreadBytes + kSmallThingsBytes +
                      needs.places_bytes;
  plan->job_bytes = layout.buffer_bytes + kJobBookkeepingBytes;
  if (needs.pool) plan->job_bytes += layout.most_pieces * kThreadBytes;
  if (needs.buffered) plan->job_bytes += layout.most_pieces * layout.most_range_bytes;
  plan->most_spare_bytes = needs.most_spare_bytes;
  uint64_t needed = 0;
  for (const GroupLayout& group : layout.groups) {
    GroupPlan made;
    made.slot_bytes =
        group.slot_stride + kSlotBookkeepingBytes + layout.most_pieces * sizeof(void*);
    made.record_count = static_cast<uint32_t>(group.record_count);
    made.least_count = std::min(needs.min_lease_count, made.record_count);
    needed += made.least_count;
    plan->groups.push_back(made);
  }

  plan->job_count = 1;
  plan->least_bytes = plan->BytesOf(plan->LeastCounts());
  if (budget_bytes < plan->least_bytes) {
    return kl_fail(error, KL_OUT_OF_BUDGET,
                   "a budget of %llu bytes is too small for %llu records of up to %llu bytes at "
                   "the same time: give at least %llu bytes",
                   Number{budget_bytes}, Number{needed}, Number{MostSlotBytes(layout)},
                   Number{plan->least_bytes});
  }
  uint64_t jobs = needs.queue_depth;
  if (jobs == 0) {
    jobs = std::clamp<uint64_t>(budget_bytes / kJobShare / plan->job_bytes, kFewestJobs, kMostJobs);
  }
  jobs = std::min<uint64_t>({jobs, kMostJobsAsked, needs.record_count});
  const uint64_t affordable = 1 + (budget_bytes - plan->least_bytes) / plan->job_bytes;
  plan->job_count = static_cast<uint32_t>(std::min(jobs, affordable));
  const std::vector<uint32_t> counts = plan->Share(budget_bytes, plan->LeastCounts());
  for (size_t i = 0; i < counts.size(); ++i) plan->groups[i].slot_count = counts[i];
  return KL_OK;
}

}  // namespace record_bank
