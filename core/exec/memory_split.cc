#include "core/exec/memory_split.h"

#include <algorithm>

#include "core/base/checked_math.h"

namespace kinglet {
namespace {

// The allocator gives freed memory back at a time of its own: equal processes were seen to differ by 3.2 MB.
constexpr uint64_t kProgramVariationBytes = 6 << 20;

bool HasExperts(const MemoryNeeds& needs) { return needs.without_experts.has_value(); }

// With the large weights in memory.
uint64_t KeepingBytes(const MemoryNeeds& needs) {
  const WeightNeeds& weights = HasExperts(needs) ? *needs.without_experts : needs.whole;
  const uint64_t bank = HasExperts(needs) ? needs.bank.least_bytes : 0;
  return needs.program + weights.resident_bytes() + std::max(weights.packing_bytes, bank + needs.session.sum());
}

// What is there beside a stream: the least of the experts, and a session even if none is known.
uint64_t BesideStream(const MemoryNeeds& needs) {
  return (HasExperts(needs) ? needs.bank.least_bytes : 0) + needs.stream->session.sum();
}

uint64_t StreamingBytes(const MemoryNeeds& needs) {
  const WeightNeeds& kept = needs.stream->kept;
  return needs.program + kept.resident_bytes() +
         std::max(kept.packing_bytes, BesideStream(needs) + needs.stream->bank.least_bytes);
}

void SplitWithStream(const MemoryNeeds& needs, uint64_t budget_bytes, MemorySplit* split) {
  const StreamNeeds& stream = *needs.stream;
  split->leaves_weights = true;
  split->leaves_experts = HasExperts(needs);
  const uint64_t free_bytes = budget_bytes - needs.program - stream.kept.resident_bytes();
  uint64_t most_bytes = free_bytes - BesideStream(needs);
  const uint64_t least_bytes = stream.bank.least_bytes;
  // Where no context is known, the conversation grows into what the experts get.
  if (!needs.context_known) most_bytes = least_bytes + (most_bytes - least_bytes) / 2;
  split->stream_bytes = BankBytes(stream.bank, stream.record_count, most_bytes);
  if (!split->leaves_experts) return;
  split->bank_bytes =
      BankBytes(needs.bank, needs.expert_count, free_bytes - split->stream_bytes - SessionBeside(needs, *split).sum());
}

}  // namespace

uint64_t SafeBudget(uint64_t smallest_bytes) {
  return AlignUp(smallest_bytes + kProgramVariationBytes, uint64_t{1} << 20);
}

uint64_t WholeBytes(const MemoryNeeds& needs) {
  // Where nothing can give way to a session, it is not there before packing is over.
  if (!HasExperts(needs)) return KeepingBytes(needs);
  return needs.program + needs.whole.resident_bytes() + needs.whole.packing_bytes + needs.session.sum() +
         needs.longest_cache;
}

const WeightNeeds& KeptWeights(const MemoryNeeds& needs, const MemorySplit& split) {
  if (split.leaves_weights) return needs.stream->kept;
  return split.leaves_experts ? *needs.without_experts : needs.whole;
}

SessionNeeds SessionBeside(const MemoryNeeds& needs, const MemorySplit& split) {
  return split.leaves_weights && needs.session_known ? needs.stream->session : needs.session;
}

uint64_t BankBytes(const BankNeeds& bank, uint64_t record_count, uint64_t free_bytes) {
  // A slot more than there are records: with fewer than all, the bank may keep one free for what is under way.
  return std::min(free_bytes, bank.least_bytes + record_count * bank.bytes_per_slot);
}

MemorySplit SplitMemory(const MemoryNeeds& needs, uint64_t budget_bytes) {
  MemorySplit split;
  split.whole_bytes = WholeBytes(needs);
  split.keeping_bytes = std::min(split.whole_bytes, KeepingBytes(needs));
  split.smallest_bytes = split.keeping_bytes;
  if (needs.stream.has_value()) split.smallest_bytes = std::min(split.smallest_bytes, StreamingBytes(needs));
  split.fits = budget_bytes == 0 || budget_bytes >= split.smallest_bytes;
  const uint64_t bytes = std::max(budget_bytes, split.smallest_bytes);
  if (budget_bytes == 0 || bytes >= split.whole_bytes) return split;
  if (bytes < split.keeping_bytes) {
    SplitWithStream(needs, bytes, &split);
    return split;
  }
  split.leaves_experts = true;
  const uint64_t free_bytes = bytes - needs.program - needs.without_experts->resident_bytes();
  split.bank_bytes = BankBytes(needs.bank, needs.expert_count, free_bytes - needs.session.sum());
  return split;
}

}  // namespace kinglet
