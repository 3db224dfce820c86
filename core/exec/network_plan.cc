#include "core/exec/network_plan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/exec/patch/joined_plan.h"
#include "core/exec/patch/patch_search.h"

namespace kinglet {
namespace {

// The plan as it runs without a limit: a copy, as the graph stays with its owner.
PinnedPlan OrdinaryPlan(const PinnedPlan& from) {
  PinnedPlan to = WithoutNodes(from);
  to.plan.nodes = from.plan.nodes;
  to.kernels = from.kernels;
  return to;
}

bool IsExact(const kl_kernel& kernel) { return kernel.tolerance == 0; }

bool IsPlaceIndependent(const kl_kernel& kernel) {
  return IsExact(kernel) || (kernel.flags & KL_KERNEL_PLACE_INDEPENDENT) != 0;
}

class NetworkPlanner {
 public:
  NetworkPlanner(Runtime* runtime, uint64_t limit_bytes)
      : runtime_(runtime), limit_bytes_(limit_bytes) {}

  absl::StatusOr<NetworkPlan> Plan(const PinnedPlan& graph) {
    NetworkPlan plan;
    plan.memory.limit_bytes = limit_bytes_;
    KL_ASSIGN_OR_RETURN(plan.runnable, Make(OrdinaryPlan(graph)));
    plan.memory.ordinary_arena_bytes = plan.runnable.arena_bytes();
    plan.memory.layer_bytes = IdealPeakBytes(MakeJoinedPlan(
                                                 graph, [](size_t) { return true; }, nullptr)
                                                 .plan);
    plan.memory.ideal_bytes = IdealPeakBytes(plan.runnable.pinned->plan);
    for (size_t n = 0; n < graph.plan.nodes.size(); ++n)
      plan.memory.network_macs += MacsOf(graph.plan, n);
    if (limit_bytes_ == 0 || Note(plan.runnable.arena_bytes(), "as it is")) return plan;
    KL_RETURN_IF_ERROR(Join(&plan));
    if (Note(plan.runnable.arena_bytes(), "as it is")) return plan;
    return Patch(std::move(plan));
  }

 private:
  absl::StatusOr<RunnablePlan> Make(PinnedPlan plan) {
    RunnablePlan made;
    made.pinned = std::make_unique<PinnedPlan>(std::move(plan));
    PinnedPlan& pinned = *made.pinned;
    KL_ASSIGN_OR_RETURN(
        made.prepared,
        PreparedPlan::Create(pinned.plan, runtime_->registry(), Extents(), runtime_->thread_count(),
                             pinned.kernels.empty() ? nullptr : &pinned.kernels));
    const auto parallel_for = [this](int64_t count, kl_parallel_body body, void* context) {
      runtime_->ParallelFor(count, body, context);
    };
    KL_RETURN_IF_ERROR(
        made.prepared->LoadWeights(/*budget=*/nullptr, parallel_for, /*progress=*/nullptr));
    KL_ASSIGN_OR_RETURN(made.program,
                        Program::Create(*made.prepared, runtime_->planner(), Extents(),
                                        [](kl_value) { return kl_tensor(); }));
    pinned.kernels.clear();
    for (const PreparedNode& node : made.prepared->nodes()) pinned.kernels.push_back(node.kernel);
    return made;
  }

  // Whether an arena fits; the smallest is remembered.
  bool Note(uint64_t arena_bytes, const std::string& what) {
    if (smallest_what_.empty() || arena_bytes < smallest_bytes_) {
      smallest_bytes_ = arena_bytes;
      smallest_what_ = what;
    }
    return arena_bytes <= limit_bytes_;
  }

  // Keeps the plan as it is where nothing can be joined without another kernel's numbers.
  absl::Status Join(NetworkPlan* plan) {
    const PinnedPlan& ordinary = *plan->runnable.pinned;
    std::vector<size_t> joined;
    PinnedPlan wanted = MakeJoinedPlan(
        ordinary, [&](size_t n) { return IsExact(*ordinary.kernels[n]); }, &joined);
    if (joined.empty()) return absl::OkStatus();
    KL_ASSIGN_OR_RETURN(RunnablePlan made, Make(std::move(wanted)));
    const bool exact = std::all_of(joined.begin(), joined.end(),
                                   [&](size_t n) { return IsExact(*made.pinned->kernels[n]); });
    if (!exact || made.arena_bytes() > plan->runnable.arena_bytes()) return absl::OkStatus();
    plan->runnable = std::move(made);
    plan->memory.joined = true;
    plan->memory.ideal_bytes = IdealPeakBytes(plan->runnable.pinned->plan);
    return absl::OkStatus();
  }

  absl::StatusOr<NetworkPlan> Patch(NetworkPlan plan) {
    const PinnedPlan& whole = *plan.runnable.pinned;
    size_t independent = 0;
    while (independent < whole.kernels.size() && IsPlaceIndependent(*whole.kernels[independent]))
      ++independent;
    std::vector<PatchCandidate> candidates = FindPatchCandidates(whole);
    candidates.erase(
        std::remove_if(candidates.begin(), candidates.end(),
                       [&](const PatchCandidate& c) { return c.stage.node_count > independent; }),
        candidates.end());
    // Those with room for whole tiles everywhere, as published, before those that fit because tiles
    // at the border are cut off.
    std::stable_partition(candidates.begin(), candidates.end(),
                          [&](const PatchCandidate& c) { return c.nominal_bytes <= limit_bytes_; });
    for (const PatchCandidate& candidate : candidates) {
      if (candidate.ideal_bytes > limit_bytes_) continue;
      absl::StatusOr<RunnablePlan> made = Try(whole, candidate);
      if (!made.ok() || made->arena_bytes() > limit_bytes_) continue;
      NetworkMemory& memory = plan.memory;
      memory.grid = candidate.grid;
      memory.stage = candidate.stage;
      memory.ideal_bytes = candidate.ideal_bytes;
      memory.last_node = whole.plan.nodes[candidate.stage.node_count - 1].name;
      memory.figures = FiguresOf(whole.plan, candidate.stage, candidate.grid);
      plan.runnable = *std::move(made);
      return plan;
    }
    return TooSmall(whole, std::move(candidates));
  }

  // A kernel may refuse a tile that it took the whole image of: then this is no candidate.
  absl::StatusOr<RunnablePlan> Try(const PinnedPlan& whole, const PatchCandidate& candidate) {
    auto patched = MakePatchedPlan(whole, candidate.stage, candidate.grid);
    if (!patched.has_value()) return absl::InternalError("a stage that could be cut cannot be cut");
    KL_ASSIGN_OR_RETURN(RunnablePlan made, Make(*std::move(patched)));
    Note(made.arena_bytes(),
         absl::StrCat("with the first ", candidate.stage.node_count, " nodes in ",
                      candidate.grid.rows, " x ", candidate.grid.columns, " patches"));
    return made;
  }

  // Looks at what needs least, as long as it could need less than the best so far.
  absl::Status TooSmall(const PinnedPlan& whole, std::vector<PatchCandidate> candidates) {
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const PatchCandidate& a, const PatchCandidate& b) {
                       return a.ideal_bytes < b.ideal_bytes;
                     });
    for (const PatchCandidate& candidate : candidates) {
      if (candidate.ideal_bytes >= smallest_bytes_) break;
      Try(whole, candidate).IgnoreError();
    }
    return absl::OutOfRangeError(
        absl::StrCat("an arena of ", limit_bytes_, " bytes is too small for the activations; ",
                     "the smallest that works is ", smallest_bytes_, " bytes, ", smallest_what_));
  }

  Runtime* const runtime_;
  const uint64_t limit_bytes_;
  uint64_t smallest_bytes_ = 0;
  std::string smallest_what_;
};

}  // namespace

absl::StatusOr<NetworkPlan> PlanNetwork(Runtime* runtime, const PinnedPlan& graph,
                                        uint64_t limit_bytes) {
  return NetworkPlanner(runtime, limit_bytes).Plan(graph);
}

}  // namespace kinglet
