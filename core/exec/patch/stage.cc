#include "core/exec/patch/stage.h"

#include <algorithm>

namespace kinglet {
namespace {

// By value: the last node that reads it; the number of nodes for what is handed out. -1: nobody.
std::vector<int64_t> LastReaders(const Plan& plan) {
  std::vector<int64_t> last(plan.values.size(), -1);
  for (size_t n = 0; n < plan.nodes.size(); ++n) {
    for (const kl_value value : plan.nodes[n].operands) {
      if (value != KL_NO_VALUE && value != plan.nodes[n].operands.back())
        last[value] = static_cast<int64_t>(n);
    }
  }
  for (const kl_value output : plan.outputs) last[output] = static_cast<int64_t>(plan.nodes.size());
  return last;
}

}  // namespace

std::vector<Stage> FindStages(const Plan& plan) {
  std::vector<Stage> stages;
  const std::vector<int64_t> last = LastReaders(plan);
  std::vector<kl_value> alive;
  for (size_t n = 0; n + 1 < plan.nodes.size(); ++n) {
    const kl_value made = plan.nodes[n].operands.back();
    if (made == KL_NO_VALUE || plan.values[made].kind != ValueKind::kActivation) break;
    alive.push_back(made);
    const int64_t now = static_cast<int64_t>(n);
    alive.erase(
        std::remove_if(alive.begin(), alive.end(), [&](kl_value v) { return last[v] <= now; }),
        alive.end());
    if (alive.size() != 1 || alive[0] != made || plan.values[made].shape.size() != 4) continue;
    const Stage stage = {n + 1, made};
    if (TileOf(plan, stage, WholeOf(plan, stage)).has_value()) stages.push_back(stage);
  }
  return stages;
}

Region WholeOf(const Plan& plan, const Stage& stage) {
  const std::vector<int64_t>& shape = plan.values[stage.output].shape;
  return {{0, shape[2]}, {0, shape[3]}};
}

std::optional<StageTile> TileOf(const Plan& plan, const Stage& stage, const Region& output) {
  StageTile tile;
  tile.nodes.resize(stage.node_count);
  tile.regions.resize(plan.values.size());
  std::vector<ImageAxes> axes(plan.values.size());
  tile.regions[stage.output] = output;
  for (size_t n = stage.node_count; n-- > 0;) {
    const kl_value made = plan.nodes[n].operands.back();
    if (made == KL_NO_VALUE || !tile.regions[made].has_value()) return std::nullopt;
    std::optional<LocalNode> local = LocalNodeOf(plan, n, axes[made]);
    if (!local.has_value()) return std::nullopt;
    NodeTile& node = tile.nodes[n];
    node.output = *tile.regions[made];
    node.output_axes = axes[made];
    const Reach rows = ReachOf(local->rows, node.output.rows),
                columns = ReachOf(local->columns, node.output.columns);
    for (const ImageOperand& image : local->images) {
      const Region need = image.windowed ? Region{rows.inside, columns.inside} : node.output;
      if (need.rows.length() < 1 || need.columns.length() < 1) return std::nullopt;
      const kl_value x = plan.nodes[n].operands[image.operand];
      std::optional<Region>& known = tile.regions[x];
      if (known.has_value() && !(axes[x] == image.axes)) return std::nullopt;
      axes[x] = image.axes;
      known = known.has_value() ? Hull(*known, need) : need;
      node.needs.push_back(need);
    }
    if (local->has_window) {
      const int64_t pads[4] = {rows.pad_begin, columns.pad_begin, rows.pad_end, columns.pad_end};
      std::copy(pads, pads + 4, node.pads);
    }
    node.local = *std::move(local);
  }
  return tile;
}

}  // namespace kinglet
