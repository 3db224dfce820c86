#include "core/exec/memory_split.h"

#include <algorithm>

#include "core/base/checked_math.h"

namespace kinglet {
namespace {

constexpr uint64_t kProgramVariationBytes = 2 << 20;

}  // namespace

uint64_t SafeBudget(uint64_t smallest_bytes) {
  return AlignUp(smallest_bytes + kProgramVariationBytes, uint64_t{1} << 20);
}

uint64_t WholeBytes(const MemoryNeeds& needs) {
  return needs.program + needs.whole.resident_bytes() + needs.whole.packing_bytes + needs.session.sum() +
         needs.longest_cache;
}

uint64_t BankBytes(const BankNeeds& bank, uint64_t expert_count, uint64_t free_bytes) {
  // A slot more than there are records: with fewer than all, the bank may keep one free for what is under way.
  return std::min(free_bytes, bank.least_bytes + expert_count * bank.bytes_per_slot);
}

MemorySplit SplitMemory(const MemoryNeeds& needs, uint64_t budget_bytes) {
  MemorySplit split;
  split.whole_bytes = WholeBytes(needs);
  if (!needs.without_experts.has_value()) {
    // Nothing gives way, and packing is over before there is a session.
    split.smallest_bytes = needs.program + needs.whole.resident_bytes() +
                           std::max(needs.whole.packing_bytes, needs.session.sum());
    split.whole_bytes = split.smallest_bytes;
    split.fits = budget_bytes == 0 || budget_bytes >= split.smallest_bytes;
    return split;
  }
  const WeightNeeds& weights = *needs.without_experts;
  const uint64_t fixed = needs.program + weights.resident_bytes();
  split.smallest_bytes =
      std::min(split.whole_bytes,
               fixed + std::max(weights.packing_bytes, needs.bank.least_bytes + needs.session.sum()));
  split.fits = budget_bytes == 0 || budget_bytes >= split.smallest_bytes;
  if (budget_bytes == 0 || std::max(budget_bytes, split.smallest_bytes) >= split.whole_bytes) return split;
  split.leaves_experts = true;
  const uint64_t free_bytes = std::max(budget_bytes, split.smallest_bytes) - fixed;
  split.opening_bytes = BankBytes(needs.bank, needs.expert_count, free_bytes);
  split.bank_bytes = BankBytes(needs.bank, needs.expert_count, free_bytes - needs.session.sum());
  return split;
}

}  // namespace kinglet
