// The streamed weights of one program's runs: asks for the next ones while a product is computed, hands
// each to its node, gives it back.
//
//   before block b of a node:  submit b + 1 .. b + 3 (never blocks), wait for b, set the operands
//   node runs                  meanwhile the bank reads and packs
//   after it:                  copy the outputs into their place if there are several rows, release
#ifndef KINGLET_CORE_EXEC_WEIGHT_RUN_H_
#define KINGLET_CORE_EXEC_WEIGHT_RUN_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/exec/node_hook.h"
#include "core/exec/scheduler.h"
#include "core/exec/weight_stream.h"

namespace kinglet {

// One thread at a time. Allocates nothing after it was made, unless something fails. Borrows the stream
// and what Attach() was given.
class WeightRun {
 public:
  explicit WeightRun(WeightStream* stream);
  ~WeightRun();
  WeightRun(const WeightRun&) = delete;
  WeightRun& operator=(const WeightRun&) = delete;

  // Bytes that a node with several blocks needs for the outputs of one of them.
  static uint64_t OutputBytes(const StreamedNode& node, int64_t tokens);

  // Hooks itself into the run of streamed node `index`. `states`: the kernel's, by shape of a block;
  // `outputs`: OutputBytes() bytes.
  void Attach(size_t index, NodeRun* run, std::vector<void*> states, void* outputs);

  // Around each run of the program, failed or not; nodes from `node_count` on are not run.
  void Begin(const std::atomic<bool>* cancel, size_t node_count);
  void End();

 private:
  class Hook;

  absl::StatusOr<bool> Next(Hook* hook);
  absl::Status Lease(const Hook& hook, uint64_t record);
  // From `record` on, as far as the ring reaches.
  absl::Status SubmitFrom(uint64_t record);
  void SetViews(Hook* hook);
  void Finish(Hook* hook);

  WeightStream* const stream_;
  const StreamedWeights& weights_;
  std::vector<std::unique_ptr<Hook>> hooks_;  // by streamed node
  const std::atomic<bool>* cancel_ = nullptr;
  uint64_t end_record_ = 0;   // of this run
  uint64_t next_submit_ = 0;  // the first record that was not asked for
  std::array<BankTicket, WeightStream::kRingCount> tickets_;  // of record r: r % kRingCount
  BankLease lease_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_WEIGHT_RUN_H_
