// Which stage and which grid: of those whose memory fits, the one that computes least.
#ifndef KINGLET_CORE_EXEC_PATCH_PATCH_SEARCH_H_
#define KINGLET_CORE_EXEC_PATCH_PATCH_SEARCH_H_

#include <cstdint>
#include <vector>

#include "core/exec/patch/patched_plan.h"
#include "core/exec/patch/stage.h"

namespace kinglet {

// Rows and columns of patches that are tried. Source: arXiv 2110.15352.
constexpr int64_t kLargestGrid = 4;

struct PatchCandidate {
  Stage stage;
  Grid grid;
  int64_t macs = 0;            // of the stage by patches, less those of the stage as it is
  uint64_t ideal_bytes = 0;    // IdealPeakBytes(): no plan of it needs less
  uint64_t nominal_bytes = 0;  // NominalPeakBytes(): not less than ideal_bytes
};

// Every stage of `plan` in every grid of 2 to kLargestGrid rows and columns alike. The best first:
// least extra compute, then least memory, then the shortest stage.
std::vector<PatchCandidate> FindPatchCandidates(const PinnedPlan& plan);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_PATCH_SEARCH_H_
