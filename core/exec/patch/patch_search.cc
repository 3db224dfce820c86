#include "core/exec/patch/patch_search.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "core/exec/patch/patch_figures.h"

namespace kinglet {

std::vector<PatchCandidate> FindPatchCandidates(const PinnedPlan& plan) {
  std::vector<PatchCandidate> candidates;
  for (const Stage& stage : FindStages(plan.plan)) {
    for (int64_t size = 2; size <= kLargestGrid; ++size) {
      const Grid grid = {size, size};
      const std::optional<PinnedPlan> patched = MakePatchedPlan(plan, stage, grid);
      if (!patched.has_value()) continue;
      const PatchFigures figures = FiguresOf(plan.plan, stage, grid);
      const uint64_t ideal_bytes = IdealPeakBytes(patched->plan);
      candidates.push_back({stage, grid, figures.patched_stage_macs - figures.stage_macs,
                            ideal_bytes, NominalPeakBytes(plan.plan, stage, grid, ideal_bytes)});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const PatchCandidate& a, const PatchCandidate& b) {
                     return std::make_tuple(a.macs, a.ideal_bytes, a.stage.node_count) <
                            std::make_tuple(b.macs, b.ideal_bytes, b.stage.node_count);
                   });
  return candidates;
}

}  // namespace kinglet
