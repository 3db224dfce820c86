// A network that its file spells out node by node, ready to run: named tensors in, named tensors out.
#ifndef KINGLET_CORE_EXEC_NETWORK_H_
#define KINGLET_CORE_EXEC_NETWORK_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/exec/network_plan.h"
#include "core/exec/runtime.h"
#include "core/model/model_source.h"

namespace kinglet {

struct NetworkOptions {
  // The most that activations and kernels' scratch may take; the first blocks run by patches where that is needed. Inputs,
  // which the caller fills, and weights come on top. 0: no limit.
  uint64_t arena_bytes = 0;
};

// One thread at a time. Borrows the runtime.
class Network {
 public:
  // Errors: the file has no graph, an operator or shape that no kernel serves (by name of the node);
  // OutOfRange (KL_OUT_OF_BUDGET) for a limit that is too small: the message says what would do.
  static absl::StatusOr<std::unique_ptr<Network>> Load(Runtime* runtime, std::unique_ptr<ModelSource> source,
                                                       const NetworkOptions& options = NetworkOptions());

  size_t input_count() const { return plan().inputs.size(); }
  size_t output_count() const { return plan().outputs.size(); }
  const std::string& input_name(size_t index) const { return plan().values[plan().inputs[index]].name; }
  const std::string& output_name(size_t index) const { return plan().values[plan().outputs[index]].name; }
  // Fill inputs, Run(), read outputs. Inputs keep their content.
  const kl_tensor& input(size_t index) const { return program().tensor(plan().inputs[index]); }
  const kl_tensor& output(size_t index) const { return program().tensor(plan().outputs[index]); }

  absl::Status Run();

  uint64_t arena_bytes() const { return program().arena_bytes(); }
  // What lies where in the arena, and when.
  const std::vector<ArenaBlock>& blocks() const { return program().blocks(); }
  // Of the plan that runs.
  size_t node_count() const { return plan().nodes.size(); }
  const NetworkMemory& memory() const { return planned_.memory; }
  std::string Describe() const { return planned_.runnable.prepared->Describe(runtime_->registry()); }

 private:
  const Plan& plan() const { return planned_.runnable.pinned->plan; }
  const Program& program() const { return *planned_.runnable.program; }

  Network(Runtime* runtime, std::unique_ptr<ModelSource> source) : runtime_(runtime), source_(std::move(source)) {}

  Runtime* const runtime_;
  const std::unique_ptr<ModelSource> source_;
  PinnedPlan graph_;  // of the file; owns what all plans are made from
  NetworkPlan planned_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_NETWORK_H_
