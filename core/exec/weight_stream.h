// A model's streamed weights in a bank: opened once a model, leased in order by every run (weight_run.h).
//
//   slots   kept records, read once  |  a ring of a few, through which all others pass
//
// What is kept is what the budget leaves beside everything else: each kept megabyte is one that a
// token does not read, for certain, while a further expert is only likely to be asked for.
#ifndef KINGLET_CORE_EXEC_WEIGHT_STREAM_H_
#define KINGLET_CORE_EXEC_WEIGHT_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/exec/streamed_weights.h"
#include "core/memory/bank_client.h"
#include "core/memory/budget.h"

namespace kinglet {

// What a pass costs.
struct WeightStreamFacts {
  uint64_t total_bytes = 0;     // of the streamed matrices in their files
  uint64_t kept_bytes = 0;      // of them, in memory once they were read
  uint64_t budget_bytes = 0;    // slots and all else that the bank needs
  uint64_t record_count = 0;
  uint64_t kept_count = 0;
  // By MeasureReading(): reading and packing, nothing else going on.
  uint64_t bytes_per_second = 0;  // 0: not measured
  uint64_t bytes_per_pass() const { return total_bytes - kept_bytes; }  // a token, or a batch of a prompt
  // What the reads alone take, when nothing hides them.
  double seconds_per_pass() const {
    return bytes_per_second == 0 ? 0.0 : static_cast<double>(bytes_per_pass()) / static_cast<double>(bytes_per_second);
  }
};

// Immutable after Open() and MeasureReading(); thread safe. Borrows the weights, the budget and the bank's table.
class WeightStream {
 public:
  // Records that are leased or under way at the same time.
  static constexpr uint32_t kRingCount = 4;

  // The smallest budget that Open() takes, and the price of a slot.
  static absl::StatusOr<BankNeeds> Needs(const kl_bank& table, const StreamedWeights& weights, const std::string& reader);
  // Reserves at most `most_bytes` in `budget`, no more than all of the weights need. Reads nothing. Errors: the bank's own.
  static absl::StatusOr<std::unique_ptr<WeightStream>> Open(const kl_bank& table, const kl_host* host,
                                                            const StreamedWeights& weights, const std::string& reader,
                                                            uint64_t most_bytes, Budget* budget);
  WeightStream(const WeightStream&) = delete;
  WeightStream& operator=(const WeightStream&) = delete;

  Bank* bank() { return bank_.get(); }
  const StreamedWeights& weights() const { return weights_; }
  const WeightStreamFacts& facts() const { return facts_; }
  // Reads a few records for facts().bytes_per_second. Before anything else is leased. Errors: the bank's own.
  absl::Status MeasureReading();

 private:
  explicit WeightStream(const StreamedWeights& weights) : weights_(weights) {}
  absl::Status ReadOnce(const std::vector<uint64_t>& records);

  const StreamedWeights& weights_;
  WeightStreamFacts facts_;
  std::vector<uint64_t> streamed_records_;  // that are not kept
  Reservation reservation_;
  std::unique_ptr<Bank> bank_;  // destroyed first
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_WEIGHT_STREAM_H_
