#include "core/exec/network.h"

#include <utility>

#include "core/base/status.h"
#include "core/exec/plan_builder.h"

namespace kinglet {

absl::StatusOr<std::unique_ptr<Network>> Network::Load(Runtime* runtime, std::unique_ptr<ModelSource> source) {
  std::unique_ptr<Network> network(new Network(runtime, std::move(source)));
  const std::string& path = network->source_->path;
  KL_ASSIGN_OR_RETURN(network->plan_, BuildGraphPlan(*network->source_));
  auto prepared = PreparedPlan::Create(network->plan_, runtime->registry(), Extents(), runtime->thread_count());
  if (!prepared.ok()) return Annotate(prepared.status(), path);
  network->prepared_ = *std::move(prepared);
  const absl::Status loaded = network->prepared_->LoadWeights(
      /*budget=*/nullptr,
      [runtime](int64_t count, kl_parallel_body body, void* context) { runtime->ParallelFor(count, body, context); },
      /*progress=*/nullptr);
  if (!loaded.ok()) return Annotate(loaded, path);
  auto program = Program::Create(*network->prepared_, runtime->planner(), Extents(),
                                 [](kl_value) { return kl_tensor(); });
  if (!program.ok()) return Annotate(program.status(), path);
  network->program_ = *std::move(program);
  return network;
}

absl::Status Network::Run() {
  return runtime_->Run(program_.get(), /*tokens=*/1, /*outputs=*/1, /*wanted_count=*/0, /*cancel=*/nullptr);
}

}  // namespace kinglet
