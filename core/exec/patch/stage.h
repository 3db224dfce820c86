// The first blocks of a network, which may run patch by patch: where they can end, and what one
// patch of their result needs.
//
//   input --> [ conv  depthwise  project  expand  ... ] --> output --> the rest of the network
//                            stage
//
// A stage is the first node_count nodes of a plan; all that the rest reads of them is one image. A
// residual connection that crosses its end is no single image, so no stage ends there.
#ifndef KINGLET_CORE_EXEC_PATCH_STAGE_H_
#define KINGLET_CORE_EXEC_PATCH_STAGE_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "core/exec/patch/local_node.h"
#include "core/exec/patch/region.h"
#include "core/exec/plan.h"

namespace kinglet {

struct Stage {
  size_t node_count = 0;
  kl_value output = KL_NO_VALUE;  // [N, C, H, W]
};

// All of them, shortest first. Not the whole plan: something is to remain.
std::vector<Stage> FindStages(const Plan& plan);

// One node of a stage for one patch.
struct NodeTile {
  LocalNode local;
  Region output;
  ImageAxes output_axes;
  std::vector<Region> needs;       // by local.images: what it reads of them
  int64_t pads[4] = {0, 0, 0, 0};  // with a window: top, left, bottom, right of this tile
};

// What a stage computes for one patch of its output.
struct StageTile {
  std::vector<NodeTile> nodes;
  // By value of the plan: the part that is computed (of a network's input: read). What several
  // nodes need is the smallest rectangle around it.
  std::vector<std::optional<Region>> regions;
};

// Backwards from the output: the halo of every value. None: a node is not local, or a tile would
// read nothing but padding.
std::optional<StageTile> TileOf(const Plan& plan, const Stage& stage, const Region& output);

// The stage's whole output.
Region WholeOf(const Plan& plan, const Stage& stage);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_STAGE_H_
