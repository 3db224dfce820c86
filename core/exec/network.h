// A network that its file spells out node by node, ready to run: named tensors in, named tensors out.
#ifndef KINGLET_CORE_EXEC_NETWORK_H_
#define KINGLET_CORE_EXEC_NETWORK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/exec/plan.h"
#include "core/exec/prepared_plan.h"
#include "core/exec/program.h"
#include "core/exec/runtime.h"
#include "core/model/model_source.h"

namespace kinglet {

// One thread at a time. Borrows the runtime.
class Network {
 public:
  // Errors: the file has no graph, an operator or shape that no kernel serves (by name of the node).
  static absl::StatusOr<std::unique_ptr<Network>> Load(Runtime* runtime, std::unique_ptr<ModelSource> source);

  size_t input_count() const { return plan_.inputs.size(); }
  size_t output_count() const { return plan_.outputs.size(); }
  const std::string& input_name(size_t index) const { return plan_.values[plan_.inputs[index]].name; }
  const std::string& output_name(size_t index) const { return plan_.values[plan_.outputs[index]].name; }
  // Fill inputs, Run(), read outputs. Inputs keep their content.
  const kl_tensor& input(size_t index) const { return program_->tensor(plan_.inputs[index]); }
  const kl_tensor& output(size_t index) const { return program_->tensor(plan_.outputs[index]); }

  absl::Status Run();

  uint64_t arena_bytes() const { return program_->arena_bytes(); }
  std::string Describe() const { return prepared_->Describe(runtime_->registry()); }

 private:
  Network(Runtime* runtime, std::unique_ptr<ModelSource> source) : runtime_(runtime), source_(std::move(source)) {}

  Runtime* const runtime_;
  const std::unique_ptr<ModelSource> source_;
  Plan plan_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::unique_ptr<Program> program_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_NETWORK_H_
