#include "core/exec/weight_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/exec/memory_split.h"

namespace kinglet {
namespace {

constexpr uint64_t kMeasuredRecords = 32;
constexpr int kMeasuredRounds = 3;  // the best counts: the first touches the slots' memory
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

absl::StatusOr<BankNeeds> WeightStream::Needs(const kl_bank& table, const StreamedWeights& weights,
                                              const std::string& reader) {
  return Bank::QueryBudget(table, OptionsFor(weights, reader));
}

absl::StatusOr<std::unique_ptr<WeightStream>> WeightStream::Open(const kl_bank& table, const kl_host* host,
                                                                 const StreamedWeights& weights,
                                                                 const std::string& reader, uint64_t most_bytes,
                                                                 Budget* budget) {
  std::unique_ptr<WeightStream> self(new WeightStream(weights));
  BankOptions options = OptionsFor(weights, reader);
  KL_ASSIGN_OR_RETURN(const BankNeeds needs, Bank::QueryBudget(table, options));
  options.budget_bytes = BankBytes(needs, weights.record_count(), std::max(most_bytes, needs.least_bytes));
  KL_ASSIGN_OR_RETURN(self->reservation_, budget->Reserve("streamed weights", options.budget_bytes));
  KL_ASSIGN_OR_RETURN(self->bank_, Bank::Open(table, host, options));
  self->facts_.total_bytes = weights.total_bytes();
  self->facts_.budget_bytes = options.budget_bytes;
  self->facts_.record_count = weights.record_count();
  // A slot holds any record, so the largest are kept; of equal ones the last, those of the head, whose reads no attention
  // hides.
  const kl_bank_record* records = weights.abi().records;
  std::vector<uint64_t> order(weights.record_count());
  for (uint64_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
  std::stable_sort(order.begin(), order.end(),
                   [&](uint64_t a, uint64_t b) { return records[a].pieces[0].bytes > records[b].pieces[0].bytes; });
  for (const uint64_t r : order) {
    if (!self->bank_->Pin(r, true).ok()) break;  // the ring needs the other slots
    ++self->facts_.kept_count;
    self->facts_.kept_bytes += records[r].pieces[0].bytes;
  }
  self->streamed_records_.assign(order.begin() + static_cast<std::ptrdiff_t>(self->facts_.kept_count), order.end());
  return self;
}

absl::Status WeightStream::MeasureReading() {
  std::vector<uint64_t> records = streamed_records_;
  std::sort(records.begin(), records.end());
  if (records.size() > kMeasuredRecords) records.resize(kMeasuredRecords);
  for (int round = 0; round < kMeasuredRounds; ++round) KL_RETURN_IF_ERROR(ReadOnce(records));
  return absl::OkStatus();
}

absl::Status WeightStream::ReadOnce(const std::vector<uint64_t>& records) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  uint64_t bytes = 0;
  std::vector<BankTicket> tickets(kRingCount);
  for (size_t next = 0, done = 0; done < records.size();) {
    for (; next < records.size() && next < done + kRingCount; ++next) {
      KL_ASSIGN_OR_RETURN(tickets[next % kRingCount], bank_->Submit(&records[next], 1));
    }
    BankLease lease;
    const kl_bank_answer answer = tickets[done % kRingCount].Next(kWaitNs, &lease);
    if (answer == KL_BANK_FAILED) return tickets[done % kRingCount].status();
    if (answer != KL_BANK_READY) continue;
    bytes += weights_.abi().records[records[done]].pieces[0].bytes;
    tickets[done++ % kRingCount].Cancel();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const uint64_t per_second = static_cast<uint64_t>(static_cast<double>(bytes) / std::max(seconds, 1e-6));
  facts_.bytes_per_second = std::max(facts_.bytes_per_second, per_second);
  return absl::OkStatus();
}

}  // namespace kinglet
