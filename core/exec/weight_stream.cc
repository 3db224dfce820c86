#include "core/exec/weight_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr uint64_t kMeasuredRecords = 32;
constexpr int64_t kWaitNs = 100000000;

BankOptions OptionsFor(const StreamedWeights& weights, const std::string& reader) {
  BankOptions bank;
  bank.min_lease_count = WeightStream::kRingCount;
  bank.queue_depth = WeightStream::kRingCount;
  bank.source = &weights.abi();
  bank.reader = reader;
  return bank;
}

}  // namespace

absl::StatusOr<uint64_t> WeightStream::LeastBytes(const kl_bank& table, const StreamedWeights& weights,
                                                  const std::string& reader) {
  KL_ASSIGN_OR_RETURN(const BankNeeds needs, Bank::QueryBudget(table, OptionsFor(weights, reader)));
  return needs.least_bytes;
}

absl::StatusOr<std::unique_ptr<WeightStream>> WeightStream::Open(const kl_bank& table, const kl_host* host,
                                                                 const StreamedWeights& weights,
                                                                 const std::string& reader, uint64_t most_bytes,
                                                                 Budget* budget) {
  std::unique_ptr<WeightStream> self(new WeightStream(weights));
  BankOptions options = OptionsFor(weights, reader);
  KL_ASSIGN_OR_RETURN(const BankNeeds needs, Bank::QueryBudget(table, options));
  const uint64_t all_bytes = needs.least_bytes + weights.record_count() * needs.bytes_per_slot;
  options.budget_bytes = std::clamp(most_bytes, needs.least_bytes, all_bytes);
  KL_ASSIGN_OR_RETURN(self->reservation_, budget->Reserve("streamed weights", options.budget_bytes));
  KL_ASSIGN_OR_RETURN(self->bank_, Bank::Open(table, host, options));
  self->facts_.total_bytes = weights.total_bytes();
  self->facts_.budget_bytes = options.budget_bytes;
  self->facts_.record_count = weights.record_count();
  // The last records are kept: those of the head, whose reads no attention hides.
  for (uint64_t r = weights.record_count(); r-- > 0;) {
    if (!self->bank_->Pin(r, true).ok()) break;  // the ring needs the others
    ++self->facts_.kept_count;
    self->facts_.kept_bytes += weights.abi().records[r].pieces[0].bytes;
  }
  KL_RETURN_IF_ERROR(self->MeasureReading());
  return self;
}

absl::Status WeightStream::MeasureReading() {
  using Clock = std::chrono::steady_clock;
  const uint64_t count = std::min(facts_.record_count - facts_.kept_count, kMeasuredRecords);
  const Clock::time_point begin = Clock::now();
  uint64_t bytes = 0;
  std::vector<BankTicket> tickets(kRingCount);
  for (uint64_t next = 0, done = 0; done < count;) {
    for (; next < count && next < done + kRingCount; ++next) {
      KL_ASSIGN_OR_RETURN(tickets[next % kRingCount], bank_->Submit(&next, 1));
    }
    BankLease lease;
    const kl_bank_answer answer = tickets[done % kRingCount].Next(kWaitNs, &lease);
    if (answer == KL_BANK_FAILED) return tickets[done % kRingCount].status();
    if (answer != KL_BANK_READY) continue;
    bytes += weights_.abi().records[done].pieces[0].bytes;
    tickets[done++ % kRingCount].Cancel();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (bytes > 0) facts_.bytes_per_second = static_cast<uint64_t>(static_cast<double>(bytes) / std::max(seconds, 1e-6));
  return absl::OkStatus();
}

}  // namespace kinglet
