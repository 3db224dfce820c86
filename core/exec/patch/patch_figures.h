// What running a stage by patches would cost and save, from shapes alone: no weights, no kernels.
#ifndef KINGLET_CORE_EXEC_PATCH_PATCH_FIGURES_H_
#define KINGLET_CORE_EXEC_PATCH_PATCH_FIGURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/exec/patch/patched_plan.h"
#include "core/exec/patch/stage.h"
#include "core/exec/plan.h"

namespace kinglet {

// The size of a value's tile away from the image's border.
struct TileSize {
  std::string name;
  int64_t rows = 0;
  int64_t columns = 0;
};

struct PatchFigures {
  std::vector<TileSize>
      tiles;               // of the stage's input, then of what each convolution and pool makes
  int64_t stage_macs = 0;  // of the stage without patches
  int64_t nominal_stage_macs = 0;  // if no tile were cut off at the image's border
  int64_t patched_stage_macs = 0;  // as it is run
};

// The stage can be cut into that grid (MakePatchedPlan).
PatchFigures FiguresOf(const Plan& plan, const Stage& stage, const Grid& grid);

// Multiplications of a node's convolution or matrix product.
int64_t MacsOf(const Plan& plan, size_t node);

// The most bytes that any plan of memory needs at one node: values alive, depthwise convolutions in
// place, projections in their residual's memory, elementwise operators in their input's. Kernels'
// scratch, inputs and weights not counted.
uint64_t IdealPeakBytes(const Plan& plan);

// The same with every tile as large as one away from the border: the stage's output beside one such
// tile of each value, or what the rest of the network needs. What patches are said to need in arXiv
// 2110.15352; tiles at the border are smaller, so that IdealPeakBytes() of the patched plan may be
// less.
uint64_t NominalPeakBytes(const Plan& plan, const Stage& stage, const Grid& grid,
                          uint64_t ideal_bytes);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_PATCH_FIGURES_H_
