// Memory plans: where each activation of a program lies in one arena.
//
//   requests (bytes, first node, last node, may take over)  --planner-->  offsets, peak
//
//   node   0    1    2    3
//   a     [=========]                 offset 0
//   b          [=========]            offset a.bytes
//   c               [=========]       offset 0 again: a is gone
//
// A planner is a kl_planner of core/abi/planner.h; plugins may bring others.
#ifndef KINGLET_CORE_MEMORY_PLANNER_H_
#define KINGLET_CORE_MEMORY_PLANNER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/abi/planner.h"

namespace kinglet {

struct MemoryPlan {
  std::vector<uint64_t> offsets;   // one a request, multiples of the alignment
  uint64_t peak_bytes = 0;         // size of the arena
  uint64_t lower_bound_bytes = 0;  // most bytes alive at one node: no plan can need less
};

// Plans with `planner` and checks the result, so that a wrong planner is an error and not
// overwritten memory. `alignment` is a power of two.
// Errors: a request that ends before it begins or takes over one that is not there; sizes that
// overflow; what the planner reports; a result that overlaps or is not aligned.
absl::StatusOr<MemoryPlan> PlanMemory(const kl_planner& planner,
                                      const std::vector<kl_memory_request>& requests,
                                      uint64_t alignment);

// Whether offsets[i] and peak fit the requests: alignment, size, no overlap of requests that live
// at the same time, other than one that took over another.
absl::Status CheckMemoryPlan(const std::vector<kl_memory_request>& requests, uint64_t alignment,
                             const std::vector<uint64_t>& offsets, uint64_t peak_bytes);

// Most bytes alive at one node, where a request and the one it may take over count once.
uint64_t LowerBoundBytes(const std::vector<kl_memory_request>& requests);

// Whether request `index` may take over the memory of the one it names: that one's last node is
// this one's first.
bool MayTakeOver(const std::vector<kl_memory_request>& requests, size_t index);

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_PLANNER_H_
