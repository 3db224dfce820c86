#include "core/memory/greedy_planner.h"

#include <algorithm>
#include <vector>

#include "core/abi/error.h"
#include "core/base/checked_math.h"
#include "core/memory/planner.h"

namespace kinglet {
namespace {

// Requests that lie at one offset, each taking over the one before it.
struct Chain {
  std::vector<uint32_t> members;
  uint64_t bytes = 0;  // of the largest
};

// Where the start of a chain may not lie, both ends excluded.
struct Forbidden {
  int64_t after;
  int64_t before;
};

std::vector<Chain> MakeChains(const std::vector<kl_memory_request>& requests) {
  constexpr int32_t kNone = -1;
  const int32_t count = static_cast<int32_t>(requests.size());
  std::vector<int32_t> successor(requests.size(), kNone);
  std::vector<bool> takes_over(requests.size(), false);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t source = requests[i].may_alias;
    // A request that lives at one node only and was taken over itself would put three at that node.
    if (!MayTakeOver(requests, i) || successor[source] != kNone) continue;
    const bool one_node = requests[source].first_node == requests[source].last_node;
    if (one_node && (takes_over[source] || requests[source].may_alias >= 0)) continue;
    successor[source] = i;
    takes_over[i] = true;
  }
  std::vector<Chain> chains;
  for (int32_t i = 0; i < count; ++i) {
    if (takes_over[i]) continue;
    Chain chain;
    for (int32_t member = i; member != kNone; member = successor[member]) {
      chain.members.push_back(member);
      chain.bytes = std::max(chain.bytes, requests[member].bytes);
    }
    chains.push_back(std::move(chain));
  }
  std::stable_sort(chains.begin(), chains.end(),
                   [](const Chain& a, const Chain& b) { return a.bytes > b.bytes; });
  return chains;
}

class Arena {
 public:
  Arena(const std::vector<kl_memory_request>& requests, uint64_t alignment, uint64_t* offsets)
      : requests_(requests), alignment_(alignment), offsets_(offsets) {}

  void Place(const Chain& chain) {
    const uint64_t offset = TightestGap(chain);
    for (uint32_t member : chain.members) {
      offsets_[member] = offset;
      peak_bytes_ = std::max(peak_bytes_, offset + requests_[member].bytes);
      if (requests_[member].bytes > 0) placed_.push_back(member);
    }
  }

  uint64_t peak_bytes() const { return peak_bytes_; }

 private:
  uint64_t TightestGap(const Chain& chain) {
    forbidden_.clear();
    for (uint32_t member : chain.members) {
      const kl_memory_request& mine = requests_[member];
      if (mine.bytes == 0) continue;
      for (uint32_t other : placed_) {
        const kl_memory_request& theirs = requests_[other];
        if (mine.first_node > theirs.last_node || theirs.first_node > mine.last_node) continue;
        const int64_t begin = static_cast<int64_t>(offsets_[other]);
        forbidden_.push_back(
            {begin - static_cast<int64_t>(mine.bytes), begin + static_cast<int64_t>(theirs.bytes)});
      }
    }
    std::sort(forbidden_.begin(), forbidden_.end(),
              [](const Forbidden& a, const Forbidden& b) { return a.after < b.after; });
    int64_t candidate = 0, best = -1, least_slack = 0;
    for (const Forbidden& range : forbidden_) {
      const int64_t slack = range.after - candidate;
      if (slack >= 0 && (best < 0 || slack < least_slack)) {
        best = candidate;
        least_slack = slack;
      }
      if (range.before > candidate) {
        candidate = static_cast<int64_t>(AlignUp(static_cast<uint64_t>(range.before), alignment_));
      }
    }
    return static_cast<uint64_t>(best >= 0 ? best : candidate);
  }

  const std::vector<kl_memory_request>& requests_;
  const uint64_t alignment_;
  uint64_t* const offsets_;
  std::vector<uint32_t> placed_;
  std::vector<Forbidden> forbidden_;
  uint64_t peak_bytes_ = 0;
};

kl_code Plan(const kl_memory_request* requests, uint32_t count, uint64_t alignment,
             uint64_t* offsets, uint64_t* peak_bytes, kl_error* error) {
  if ((count > 0 && (requests == nullptr || offsets == nullptr)) || peak_bytes == nullptr ||
      alignment == 0) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "requests, offsets and peak_bytes must be there and alignment not 0");
  }
  const std::vector<kl_memory_request> list(requests, requests + count);
  Arena arena(list, alignment, offsets);
  for (const Chain& chain : MakeChains(list)) arena.Place(chain);
  *peak_bytes = arena.peak_bytes();
  return KL_OK;
}

constexpr kl_planner kGreedy = {sizeof(kl_planner), "greedy", Plan};

}  // namespace

const kl_planner& GreedyPlanner() { return kGreedy; }

}  // namespace kinglet
