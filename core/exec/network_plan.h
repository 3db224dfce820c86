// Which plan a network runs on, when the memory of its activations is limited.
//
//   ordinary   the plan of the file: where it fits
//   joined     projections are added in the memory of their residual (joined_plan.h)
//   patches    the first blocks run patch by patch as well (patch_search.h): of what fits, the least
//              extra compute
//
// All of them give the same bits: the kernels are those that were chosen for the ordinary plan.
#ifndef KINGLET_CORE_EXEC_NETWORK_PLAN_H_
#define KINGLET_CORE_EXEC_NETWORK_PLAN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "core/exec/patch/patch_figures.h"
#include "core/exec/patch/patched_plan.h"
#include "core/exec/prepared_plan.h"
#include "core/exec/program.h"
#include "core/exec/runtime.h"

namespace kinglet {

// A plan with all that it runs on. Each member borrows those before, so the last goes first, also
// when it is replaced.
struct RunnablePlan {
  RunnablePlan() = default;
  RunnablePlan(RunnablePlan&&) = default;
  RunnablePlan& operator=(RunnablePlan&& other) noexcept {
    program = std::move(other.program);
    prepared = std::move(other.prepared);
    pinned = std::move(other.pinned);
    return *this;
  }

  std::unique_ptr<PinnedPlan> pinned;
  std::unique_ptr<PreparedPlan> prepared;
  std::unique_ptr<Program> program;

  uint64_t arena_bytes() const { return program->arena_bytes(); }
};

// What was chosen, and against what.
struct NetworkMemory {
  uint64_t limit_bytes = 0;           // 0: none
  uint64_t ordinary_arena_bytes = 0;  // of the ordinary plan
  uint64_t layer_bytes = 0;  // IdealPeakBytes() layer by layer, everything joined that can be
  uint64_t ideal_bytes = 0;  // the same of the chosen plan
  bool joined = false;
  Grid grid;                 // 1 x 1: no patches
  Stage stage;               // with patches: of the plan that they were made from
  std::string last_node;     // of the stage
  PatchFigures figures;      // with patches
  int64_t network_macs = 0;  // of convolutions and matrix products, without patches
};

struct NetworkPlan {
  RunnablePlan runnable;
  NetworkMemory memory;
};

// `graph` outlives the result. `limit_bytes`: of the arena (activations and kernels' scratch;
// inputs and weights come on top), 0: none. Errors: those of PreparedPlan and Program; OutOfRange
// (KL_OUT_OF_BUDGET), with the smallest limit that works, for one that is too small.
absl::StatusOr<NetworkPlan> PlanNetwork(Runtime* runtime, const PinnedPlan& graph,
                                        uint64_t limit_bytes);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_NETWORK_PLAN_H_
