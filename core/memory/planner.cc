#include "core/memory/planner.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

// Offsets and sums stay far below the wrap of 64 bits.
constexpr uint64_t kMostBytes = 1ull << 56;

absl::Status CheckRequests(const std::vector<kl_memory_request>& requests, uint64_t alignment) {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "memory plan: expected an alignment that is a power of two, found ", alignment));
  }
  if (requests.size() > INT32_MAX) {
    return absl::InvalidArgumentError(absl::StrCat("memory plan: expected at most ", INT32_MAX,
                                                   " requests, found ", requests.size()));
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    const kl_memory_request& request = requests[i];
    uint64_t aligned = 0;
    if (!CheckedAlignUp(request.bytes, alignment, &aligned) || !CheckedAdd(sum, aligned, &sum) ||
        sum > kMostBytes) {
      return absl::OutOfRangeError(absl::StrCat("memory plan: request ", i, " of ", request.bytes,
                                                " bytes brings the sum beyond ", kMostBytes));
    }
    if (request.first_node < 0 || request.last_node < request.first_node) {
      return absl::InvalidArgumentError(absl::StrCat("memory plan: request ", i,
                                                     " lives from node ", request.first_node,
                                                     " to node ", request.last_node));
    }
    const int64_t alias = request.may_alias;
    if (alias < -1 || alias >= static_cast<int64_t>(requests.size()) ||
        alias == static_cast<int64_t>(i)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "memory plan: request ", i, " may take over request ", alias, " of ", requests.size()));
    }
  }
  return absl::OkStatus();
}

bool LiveTogether(const kl_memory_request& a, const kl_memory_request& b) {
  return a.first_node <= b.last_node && b.first_node <= a.last_node;
}

}  // namespace

bool MayTakeOver(const std::vector<kl_memory_request>& requests, size_t index) {
  const kl_memory_request& request = requests[index];
  if (request.may_alias < 0) return false;
  return requests[request.may_alias].last_node == request.first_node;
}

uint64_t LowerBoundBytes(const std::vector<kl_memory_request>& requests) {
  // Change of the live bytes at each node; what requests share at the node where they take over
  // another is counted once.
  std::map<int32_t, int64_t> change;
  std::map<int32_t, uint64_t> shared;  // by the request that is taken over
  for (size_t i = 0; i < requests.size(); ++i) {
    const kl_memory_request& request = requests[i];
    change[request.first_node] += static_cast<int64_t>(request.bytes);
    change[request.last_node + 1] -= static_cast<int64_t>(request.bytes);
    if (!MayTakeOver(requests, i)) continue;
    const uint64_t most = requests[request.may_alias].bytes;
    uint64_t& saved = shared[request.may_alias];
    saved = std::min(most, saved + std::min(most, request.bytes));
  }
  for (const auto& entry : shared) {
    const int32_t node = requests[entry.first].last_node;
    change[node] -= static_cast<int64_t>(entry.second);
    change[node + 1] += static_cast<int64_t>(entry.second);
  }
  int64_t live = 0, most = 0;
  for (const auto& entry : change) {
    live += entry.second;
    most = std::max(most, live);
  }
  return static_cast<uint64_t>(most);
}

absl::Status CheckMemoryPlan(const std::vector<kl_memory_request>& requests, uint64_t alignment,
                             const std::vector<uint64_t>& offsets, uint64_t peak_bytes) {
  if (offsets.size() != requests.size()) {
    return absl::InternalError(absl::StrCat("memory plan: ", offsets.size(), " offsets for ",
                                            requests.size(), " requests"));
  }
  std::vector<size_t> by_offset;
  for (size_t i = 0; i < requests.size(); ++i) {
    uint64_t end = 0;
    if (offsets[i] % alignment != 0 || !CheckedAdd(offsets[i], requests[i].bytes, &end) ||
        end > peak_bytes) {
      return absl::InternalError(absl::StrCat(
          "memory plan: request ", i, " of ", requests[i].bytes, " bytes lies at ", offsets[i],
          ", expected a multiple of ", alignment, " that ends within ", peak_bytes));
    }
    if (requests[i].bytes > 0) by_offset.push_back(i);
  }
  std::sort(by_offset.begin(), by_offset.end(),
            [&](size_t a, size_t b) { return offsets[a] < offsets[b]; });
  for (size_t x = 0; x < by_offset.size(); ++x) {
    const size_t a = by_offset[x];
    const uint64_t end = offsets[a] + requests[a].bytes;
    for (size_t y = x + 1; y < by_offset.size() && offsets[by_offset[y]] < end; ++y) {
      const size_t b = by_offset[y];
      const bool took_over =
          (requests[b].may_alias == static_cast<int64_t>(a) && MayTakeOver(requests, b)) ||
          (requests[a].may_alias == static_cast<int64_t>(b) && MayTakeOver(requests, a));
      if (LiveTogether(requests[a], requests[b]) && !took_over) {
        return absl::InternalError(absl::StrCat("memory plan: requests ", a, " and ", b,
                                                " live at the same time and overlap at offset ",
                                                offsets[b]));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<MemoryPlan> PlanMemory(const kl_planner& planner,
                                      const std::vector<kl_memory_request>& requests,
                                      uint64_t alignment) {
  KL_RETURN_IF_ERROR(CheckRequests(requests, alignment));
  MemoryPlan plan;
  plan.offsets.resize(requests.size());
  kl_error error = EmptyError();
  const kl_code code = planner.plan(requests.data(), static_cast<uint32_t>(requests.size()),
                                    alignment, plan.offsets.data(), &plan.peak_bytes, &error);
  if (code != KL_OK) {
    return StatusFromError(code, error, absl::StrCat("memory planner ", planner.name));
  }
  const absl::Status checked = CheckMemoryPlan(requests, alignment, plan.offsets, plan.peak_bytes);
  KL_RETURN_IF_ERROR(Annotate(checked, absl::StrCat("memory planner ", planner.name)));
  plan.lower_bound_bytes = LowerBoundBytes(requests);
  return plan;
}

}  // namespace kinglet
