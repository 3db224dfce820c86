// A plan with a kernel for every node and its weights where those kernels want them.
#ifndef KINGLET_CORE_EXEC_PREPARED_PLAN_H_
#define KINGLET_CORE_EXEC_PREPARED_PLAN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/abi/kernel.h"
#include "core/exec/expert_layout.h"
#include "core/exec/extents.h"
#include "core/exec/plan.h"
#include "core/exec/streamed_weights.h"
#include "core/exec/weight_store.h"
#include "core/memory/budget.h"
#include "core/plugin/registry.h"

namespace kinglet {

// A node as a kernel sees it, with the storage behind it. Not movable: the kl_node points into it.
class NodeOperands {
 public:
  NodeOperands(const Plan& plan, const PlanNode& node, const Extents& extents, int thread_count);
  NodeOperands(const NodeOperands&) = delete;
  NodeOperands& operator=(const NodeOperands&) = delete;

  const kl_node& node() const { return node_; }
  kl_tensor* operand(size_t index) { return &tensors_[index]; }

 private:
  std::vector<kl_tensor> tensors_;
  std::vector<const kl_tensor*> pointers_;
  kl_node node_ = {};
};

// What a model's weights take under a budget.
struct WeightNeeds {
  uint64_t packed_bytes = 0;
  uint64_t mapped_bytes = 0;     // in memory as they are in the file, tables that rows are looked up in left out
  uint64_t looked_up_bytes = 0;  // the most that looked-up rows hold
  uint64_t packing_bytes = 0;    // beside all these until LoadWeights() returns

  uint64_t resident_bytes() const { return packed_bytes + mapped_bytes + looked_up_bytes; }
};

// Weights that stay in their files.
struct LeftWeights {
  bool experts = false;
  const StreamedWeights* large = nullptr;  // NULL: none
};

struct PreparedNode {
  const kl_op* op = nullptr;
  const kl_kernel* kernel = nullptr;
  const kl_host* host = nullptr;            // of the kernel's plugin
  std::unique_ptr<NodeOperands> operands;  // at the largest extents; weights bound
};

// Made once per model by one thread; immutable and thread safe afterwards. Borrows plan and registry.
class PreparedPlan {
 public:
  // Chooses kernels; those in `kernels` (by node; NULL: any) are taken as they are, `kernels` NULL: any for all nodes.
  // Errors: an operator that no plugin defines, operands that do not fit its definition, no kernel for a node (the message
  // lists the candidates), a kernel in `kernels` that refuses its node.
  static absl::StatusOr<std::unique_ptr<PreparedPlan>> Create(const Plan& plan, const Registry& registry,
                                                              const Extents& largest, int thread_count,
                                                              const std::vector<const kl_kernel*>* kernels = nullptr);

  // Leaves the experts where they are: they are neither packed nor mapped by LoadWeights(), and a program gets them from a
  // bank. Before LoadWeights(). Error: experts().streamable().
  absl::Status LeaveExperts();

  // The same for large matrices: a program gets them from a WeightStream. Before LoadWeights(). Error: none can be left.
  absl::Status LeaveWeights();

  // Packs and binds the weights, after reserving their bytes in `budget` (may be NULL). With a limited budget the files'
  // pages do not stay in the system's cache either. `cache`: see WeightStore::Pack.
  absl::Status LoadWeights(Budget* budget, const ParallelForFunction& parallel_for, const ProgressFunction& progress,
                           const PackedCacheOptions* cache = nullptr);

  const Plan& plan() const { return plan_; }
  const std::vector<PreparedNode>& nodes() const { return nodes_; }
  const WeightStore& weights() const { return weights_; }
  const ExpertLayout& experts() const { return *experts_; }
  bool leaves_experts() const { return leaves_experts_; }
  const StreamedWeights* streamed_weights() const { return streamed_weights_.get(); }  // NULL: all are kept
  // What LoadWeights() reserves under a budget, as things are, and with some weights left in their files.
  WeightNeeds needs() const { return NeedsOf(weights_); }
  absl::StatusOr<WeightNeeds> NeedsWithout(const LeftWeights& left) const;
  // Those that LeaveWeights() would leave; of nodes() maybe none.
  std::unique_ptr<StreamedWeights> StreamableWeights() const;

  // Under a limited budget, before a run of `tokens` tokens: so that looked-up rows stay within what was reserved.
  void BoundLookedUp(int64_t tokens) const;
  int thread_count() const { return thread_count_; }

  // One line a node: index, op, name, kernel, plugin, operand types and shapes.
  std::string Describe(const Registry& registry) const;

 private:
  PreparedPlan(const Plan& plan, int thread_count) : plan_(plan), thread_count_(thread_count) {}
  absl::Status CheckOperands(const PlanNode& node, const kl_op& op) const;
  // Every weight that is to be loaded, registered.
  absl::StatusOr<WeightStore> WantedWeights(const LeftWeights& left) const;
  WeightNeeds NeedsOf(const WeightStore& weights) const;
  LeftWeights left() const { return {leaves_experts_, streamed_weights_.get()}; }
  // Whether the operand's data is somewhere else than in the store.
  bool IsLeft(const LeftWeights& left, size_t node, uint32_t operand) const;

  const Plan& plan_;
  const int thread_count_;
  std::vector<PreparedNode> nodes_;
  WeightStore weights_;
  std::unique_ptr<ExpertLayout> experts_;
  bool leaves_experts_ = false;
  std::unique_ptr<StreamedWeights> streamed_weights_;
  bool bounds_looked_up_ = false;
  mutable std::atomic<int64_t> looked_up_tokens_{0};  // since they were forgotten
  Reservation mapped_reservation_;
  Reservation packed_reservation_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PREPARED_PLAN_H_
