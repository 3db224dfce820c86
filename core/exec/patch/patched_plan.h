// A plan whose first stage is computed patch by patch: the same operators on tiles, each tile
// pasted into the one full output of the stage.
//
//   for each patch:   crop of the input -> conv -> depthwise -> ... -> paste into the output
//   then:             the rest of the plan, as it was
//
// It is a plan like any other: kernels see smaller images with explicit pads, and the memory
// planner sees what lives when.
#ifndef KINGLET_CORE_EXEC_PATCH_PATCHED_PLAN_H_
#define KINGLET_CORE_EXEC_PATCH_PATCHED_PLAN_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "core/abi/kernel.h"
#include "core/exec/patch/stage.h"
#include "core/exec/plan.h"

namespace kinglet {

// A plan with the kernels that it has to run on, by node; NULL: any.
struct PinnedPlan {
  Plan plan;
  std::vector<const kl_kernel*> kernels;
};

// The values of `from`, whose constants they borrow, and no nodes yet.
PinnedPlan WithoutNodes(const PinnedPlan& from);

struct Grid {
  int64_t rows = 1;
  int64_t columns = 1;
};

// Attributes with other pads, where they have any.
AttributeSet WithPads(const AttributeSet& from, const int64_t* pads);

// The patch `index` (row by row) of the stage's output.
Region PatchOf(const Plan& plan, const Stage& stage, const Grid& grid, int64_t index);

// Borrows the constants of `from`, and its kernels: tiles are computed by those that compute the
// whole, so that the bits are the same. `from.kernels` may be empty: none are pinned. None: a tile
// cannot be computed (TileOf), or the grid has more rows or columns than the output.
std::optional<PinnedPlan> MakePatchedPlan(const PinnedPlan& from, const Stage& stage,
                                          const Grid& grid);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_PATCHED_PLAN_H_
