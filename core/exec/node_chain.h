// A few nodes of a plan, run by themselves in buffers of their own: for timing them without the network around them.
//
// The chain goes through the same choice of kernels, packing, program and scheduler as the whole plan would.
#ifndef KINGLET_CORE_EXEC_NODE_CHAIN_H_
#define KINGLET_CORE_EXEC_NODE_CHAIN_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/exec/node_hook.h"
#include "core/exec/plan.h"
#include "core/exec/prepared_plan.h"
#include "core/exec/program.h"
#include "core/exec/runtime.h"

namespace kinglet {

// One thread at a time. Borrows the runtime and the source behind `plan`, not the plan.
class NodeChain {
 public:
  // The nodes `nodes` of `plan`, in that order, repeated ones included. Nodes share their activations: each finds its inputs
  // where the one before left them, in the caches. With `own_constants` each node has copies of its constants, so that none
  // has them from the node before.
  // Errors: those of preparing a plan; out of memory.
  static absl::StatusOr<std::unique_ptr<NodeChain>> Create(Runtime* runtime, const Plan& plan,
                                                           const std::vector<size_t>& nodes, bool own_constants);

  // Runs all nodes; nanoseconds from when the first `warm_count` (fewer than all) were done until the end.
  absl::StatusOr<int64_t> Run(size_t warm_count);

 private:
  // Notes the time when it is first asked (all nodes before its own are done) and when it is asked again.
  class Stopwatch : public NodeHook {
   public:
    absl::StatusOr<bool> Next() override;
    void Reset() { asked_ = false; }
    int64_t begin_ns() const { return begin_ns_; }
    int64_t end_ns() const { return end_ns_; }

   private:
    bool asked_ = false;
    int64_t begin_ns_ = 0;
    int64_t end_ns_ = 0;
  };

  explicit NodeChain(Runtime* runtime) : runtime_(runtime) {}
  void AddNode(const Plan& plan, const PlanNode& from, bool own_constants, std::map<kl_value, kl_value>* shared);
  kl_value AddConstant(const PlanValue& from);
  void FindInputs();
  void FillInputs();

  Runtime* const runtime_;
  Plan plan_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::unique_ptr<Program> program_;
  std::deque<Stopwatch> watches_;  // of each node
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_NODE_CHAIN_H_
