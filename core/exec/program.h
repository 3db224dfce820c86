// A prepared plan made ready to run for one session: memory planned, kernel states filled, every pointer in place.
//
// After Create() a run allocates nothing and looks nothing up.
#ifndef KINGLET_CORE_EXEC_PROGRAM_H_
#define KINGLET_CORE_EXEC_PROGRAM_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/abi/planner.h"
#include "core/base/aligned_buffer.h"
#include "core/exec/expert_run.h"
#include "core/exec/memory_run.h"
#include "core/exec/prepared_plan.h"
#include "core/exec/scheduler.h"
#include "core/exec/weight_run.h"

namespace kinglet {

// Memory that the program does not own: where cache value v of the plan lives.
using CacheTensorFunction = std::function<kl_tensor(kl_value value)>;

// What the runs of one node took since profiling began.
struct NodeProfile {
  uint64_t run_count = 0;
  int64_t ns = 0;
  uint64_t weight_bytes = 0;  // read; what the kernel counted, or else what it may read at most (weight_bytes.h)
};

// A piece of the arena: a value, or the scratch of a node.
struct ArenaBlock {
  std::string name;
  uint64_t offset;
  uint64_t bytes;
  int32_t first_node;  // it is taken from this node to that one
  int32_t last_node;
};

// One thread at a time. Borrows the prepared plan and the caches' memory.
class Program {
 public:
  // `largest` bounds every later run. `budget` (may be NULL) is asked before the arena is allocated. `experts` holds the
  // experts of a plan that leaves them in their file, else NULL; `weights` likewise those of LeaveWeights(); `memory` is the
  // bank of a plan that was made for one.
  // Errors: a kernel refuses a node, out of memory or budget.
  static absl::StatusOr<std::unique_ptr<Program>> Create(const PreparedPlan& prepared, const kl_planner& planner,
                                                         const Extents& largest,
                                                         const CacheTensorFunction& cache_tensor,
                                                         Budget* budget = nullptr, ExpertBank* experts = nullptr,
                                                         WeightStream* weights = nullptr,
                                                         const MemoryBank* memory = nullptr);
  // What Create() reserves in the budget, if `streamed` (may be NULL) are the weights that are left. The weights need not be
  // loaded.
  static absl::StatusOr<uint64_t> RequiredBytes(const PreparedPlan& prepared, const StreamedWeights* streamed,
                                                const kl_planner& planner, const Extents& largest);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The memory and actual shape of a value: inputs to fill, outputs to read. Valid until the next run.
  const kl_tensor& tensor(kl_value value) const { return tensors_[value]; }

  // Inputs of language models; NULL when the plan has none of the kind.
  int32_t* token_ids() { return InputOf(ValueKind::kTokenIds); }
  int32_t* positions() { return InputOf(ValueKind::kPositions); }
  int32_t* output_rows() { return InputOf(ValueKind::kOutputRows); }

  // Computes `tokens` tokens, `outputs` rows of logits. With outputs = 0 the nodes that only make logits are left out.
  // `wanted_count` > 0: of each row only the wanted_count largest logits are needed, others may be -infinity.
  absl::Status Run(Scheduler* scheduler, int64_t tokens, int64_t outputs, uint32_t wanted_count,
                   const std::atomic<bool>* cancel);

  // After a Run() with a wanted_count: computes all logits of its rows, from the hidden values that are still there.
  absl::Status CompleteLogits(Scheduler* scheduler);

  // Has `hook` (NULL: nobody) asked before each run of a node of a plan without experts, streamed weights or memory, whose
  // nodes have hooks of their own.
  void SetHook(size_t node, NodeHook* hook) { runs_[node].hook = hook; }

  // Whether runs are measured node by node; switching it on begins anew. A run costs a few clock readings a node more.
  void SetProfiling(bool on);
  // By node of the plan; empty unless profiling.
  const std::vector<NodeProfile>& profile() const { return profile_; }

  const Extents& largest() const { return largest_; }
  // Of activations and scratch; a network's inputs (PlanValue kInput) lie outside.
  uint64_t arena_bytes() const { return arena_.size(); }
  const std::vector<ArenaBlock>& blocks() const { return blocks_; }
  // Where the tokens of a run were routed; NULL for a plan without experts.
  ExpertRun* experts() { return experts_.get(); }
  // The memory blocks that it computes with; NULL for a plan without.
  MemoryRun* memory() const { return memory_.get(); }

 private:
  struct Node;
  // A dimension that follows the run.
  struct OpenDimension {
    int64_t* target;
    bool outputs;
  };

  Program(const PreparedPlan& prepared, const StreamedWeights* streamed, const Extents& largest);
  absl::Status MakeNodes();
  absl::Status PrepareKernels();
  absl::Status PrepareBlocks(Node* node, size_t index, const StreamedNode& streamed);
  void AttachWeights(WeightStream* weights);
  absl::Status BeginRun(size_t count, const std::atomic<bool>* cancel);
  void EndRun();
  // Returns the bytes of the arena.
  absl::StatusOr<uint64_t> PlaceValues(const kl_planner& planner);
  void PlaceInputs(const std::vector<uint64_t>& bytes);
  // All that Create() allocates, with an arena of this size.
  uint64_t BytesWith(uint64_t arena_bytes) const;
  void BindTensors(const CacheTensorFunction& cache_tensor);
  void FindOpenDimensions();
  int32_t* InputOf(ValueKind kind);
  absl::Status RunProfiled(Scheduler* scheduler, size_t count, int64_t tokens, const std::atomic<bool>* cancel);

  const PreparedPlan& prepared_;
  const StreamedWeights* const streamed_;  // may be NULL
  const Extents largest_;
  std::vector<kl_tensor> tensors_;     // by value; weights: unused, they belong to their node
  std::vector<uint64_t> offsets_;      // by value, in the arena or among the inputs
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<NodeRun> runs_;
  size_t hidden_run_count_ = 0;        // runs_ before the tail that only makes logits
  bool head_is_last_ = false;          // the last node makes the logits: only then a wanted_count is passed on
  std::vector<OpenDimension> open_dimensions_;
  Reservation reservation_;
  AlignedBuffer arena_;
  std::vector<ArenaBlock> blocks_;
  AlignedBuffer inputs_;  // of a network
  uint64_t input_bytes_ = 0;
  std::vector<NodeProfile> profile_;
  std::vector<uint64_t> counted_bytes_;  // of the node that runs, by worker
  std::unique_ptr<RouterPreview> preview_;  // NULL: a plan without experts
  std::unique_ptr<ExpertRun> experts_;
  std::unique_ptr<WeightRun> weights_;
  std::unique_ptr<MemoryRun> memory_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PROGRAM_H_
