// The memory blocks of one session: asked for when its path is set, waited for by the first node
// that computes with them, kept until the path changes.
//
//   Set(fetch)                      blocks of the old path that are not part of the new one are
//   given back, new ones asked
//                                   for; never blocks
//   attention, FFN of layer 0       meanwhile the bank reads
//   first ffn_segments node         waits for what is still under way
//
// A level that runs nothing has no part: the kernel adds nothing for it.
#ifndef KINGLET_CORE_EXEC_MEMORY_RUN_H_
#define KINGLET_CORE_EXEC_MEMORY_RUN_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/exec/memory_bank.h"
#include "core/exec/node_hook.h"
#include "core/exec/plan.h"
#include "core/exec/scheduler.h"

namespace kinglet {

// The last fetch of a session. [0] is level 1.
struct MemoryFetchStats {
  MemoryFetch fetch;
  struct Level {
    bool ready = false;  // its block is there, or there is none to fetch
    bool kept = false;   // it was the old path's as well
    bool from_memory = false;
    bool read = false;
  };
  std::array<Level, kMemoryMaxDepth> levels;
  uint64_t read_bytes = 0;  // of blocks that were not in memory
  int64_t ns = 0;        // from Set() until somebody saw the last block; 0 while some are missing
  int64_t stall_ns = 0;  // of these, that computing waited
  int64_t read_ns = 0;   // from asking for a block until it was there, as the bank counts: the mean
                         // of those that were read
};

// One thread at a time. Allocates nothing after it was made, unless something fails. Borrows the
// bank and what Attach() was given.
class MemoryRun {
 public:
  MemoryRun(const MemoryBank* bank, const Plan& plan);
  ~MemoryRun();
  MemoryRun(const MemoryRun&) = delete;
  MemoryRun& operator=(const MemoryRun&) = delete;

  // Hooks itself into the runs of a program; `tensors` are its values.
  void Attach(const Plan& plan, std::vector<NodeRun>* runs, std::vector<kl_tensor>* tensors);

  // Between runs. On an error the levels that could not be asked for run nothing, and runs fail
  // until the next Set().
  absl::Status Set(const MemoryFetch& fetch);
  // Until all blocks are there. Errors: cancelled; a block could not be read.
  absl::Status Await(const std::atomic<bool>* cancel);

  // Around each run of the program, failed or not. The first run without a Set() before it gets
  // generic blocks.
  absl::Status Begin(const std::atomic<bool>* cancel);
  void End() { computing_ = false; }

  const MemoryFetchStats& stats() const { return stats_; }

 private:
  class Hook;
  struct Level;

  absl::StatusOr<bool> Next();
  // Takes what is there; waits up to wait_ns when nothing is. False: something is still missing.
  absl::StatusOr<bool> Collect(int64_t wait_ns);
  void Take(BankLease lease);
  void Complete();
  void Drop(uint32_t level);

  const MemoryBank* const bank_;
  const MemoryLayout& layout_;
  std::unique_ptr<Hook> hook_;
  std::vector<std::unique_ptr<Level>> levels_;  // all of the bank's; [0] is level 1
  struct Layer {
    uint32_t index = 0;
    std::vector<const void*> parts;  // a segment each: the levels that have blocks
  };
  std::vector<std::unique_ptr<Layer>> layers_;
  BankTicket ticket_;
  size_t missing_count_ = 0;
  int exhausted_count_ = 0;
  bool is_set_ = false;
  bool computing_ = false;
  int64_t set_ns_ = 0;
  kl_bank_stats before_ = {};  // of the bank, when the path was set
  absl::Status failed_;
  const std::atomic<bool>* cancel_ = nullptr;
  MemoryFetchStats stats_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_MEMORY_RUN_H_
