#include "core/exec/network.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/exec/plan_builder.h"

namespace kinglet {

absl::StatusOr<std::unique_ptr<Network>> Network::Load(Runtime* runtime, std::unique_ptr<ModelSource> source,
                                                       const NetworkOptions& options) {
  std::unique_ptr<Network> network(new Network(runtime, std::move(source)));
  KL_ASSIGN_OR_RETURN(network->graph_.plan, BuildGraphPlan(*network->source_));
  auto planned = PlanNetwork(runtime, network->graph_, options.arena_bytes);
  if (absl::IsOutOfRange(planned.status())) {
    // The path behind what must not be cut off.
    return absl::OutOfRangeError(absl::StrCat(planned.status().message(), ": ", network->source_->path));
  }
  if (!planned.ok()) return Annotate(planned.status(), network->source_->path);
  network->planned_ = *std::move(planned);
  return network;
}

absl::Status Network::Run() {
  return runtime_->Run(planned_.runnable.program.get(), /*tokens=*/1, /*outputs=*/1, /*wanted_count=*/0, /*cancel=*/nullptr);
}

}  // namespace kinglet
