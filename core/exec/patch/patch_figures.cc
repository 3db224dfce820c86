#include "core/exec/patch/patch_figures.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>

#include "core/abi/dtype.h"
#include "core/exec/extents.h"
#include "core/exec/lifetimes.h"
#include "core/memory/planner.h"

namespace kinglet {
namespace {

int64_t ElementsOf(const PlanValue& value) {
  return std::accumulate(value.shape.begin(), value.shape.end(), int64_t{1},
                         std::multiplies<int64_t>());
}

// Operators that may work in the memory of their first operand, whatever it is (elementwise ones
// apart).
bool IsView(const std::string& op) { return op == "reshape" || op == "paste"; }

// Images and channels of a value whose rows and columns are at `axes`.
int64_t ChannelsOf(const PlanValue& value, const ImageAxes& axes) {
  const int64_t pixels =
      value.shape[static_cast<size_t>(axes.rows)] * value.shape[static_cast<size_t>(axes.columns)];
  return pixels == 0 ? 0 : ElementsOf(value) / pixels;
}

struct Size {
  int64_t rows = 0;
  int64_t columns = 0;
};

// By value; what TileOf() would say of a patch far from the border.
std::vector<Size> NominalSizes(const Plan& plan, const Stage& stage, const StageTile& whole,
                               const Size& output) {
  std::vector<Size> sizes(plan.values.size());
  sizes[stage.output] = output;
  for (size_t n = stage.node_count; n-- > 0;) {
    const LocalNode& local = whole.nodes[n].local;
    const Size made = sizes[plan.nodes[n].operands[local.output]];
    for (const ImageOperand& image : local.images) {
      Size* size = &sizes[plan.nodes[n].operands[image.operand]];
      const Size need = image.windowed ? Size{NominalInputs(local.rows, made.rows),
                                              NominalInputs(local.columns, made.columns)}
                                       : made;
      size->rows = std::max(size->rows, need.rows);
      size->columns = std::max(size->columns, need.columns);
    }
  }
  return sizes;
}

int64_t MacsOfTile(const Plan& plan, size_t node, const StageTile& tile) {
  const NodeTile& part = tile.nodes[node];
  const PlanValue& y = plan.values[plan.nodes[node].operands[part.local.output]];
  return part.local.macs_per_output * ChannelsOf(y, part.output_axes) * part.output.rows.length() *
         part.output.columns.length();
}

}  // namespace

int64_t MacsOf(const Plan& plan, size_t node) {
  const PlanNode& n = plan.nodes[node];
  if (n.operands.back() == KL_NO_VALUE) return 0;
  const int64_t outputs = ElementsOf(plan.values[n.operands.back()]);
  const std::optional<LocalNode> local = LocalNodeOf(plan, node, ImageAxes());
  if (local.has_value()) return local->macs_per_output * outputs;
  const bool product = n.op == "gemm" || n.op == "matmul" || n.op == "batch_matmul" ||
                       n.op == "matmul_quantized" || n.op == "matmul_integer";
  if (!product) return 0;
  const std::vector<int64_t>& a = plan.values[n.operands[0]].shape;
  if (a.empty()) return 0;
  bool transposed = false;
  for (uint32_t i = 0; i < n.attributes.size(); ++i) {
    const kl_attribute& attribute = n.attributes.data()[i];
    if (std::string(attribute.name) == "transpose_a") transposed = attribute.i != 0;
  }
  return outputs * (transposed ? a.front() : a.back());
}

PatchFigures FiguresOf(const Plan& plan, const Stage& stage, const Grid& grid) {
  PatchFigures figures;
  const Region whole = WholeOf(plan, stage);
  const std::optional<StageTile> all = TileOf(plan, stage, whole);
  if (!all.has_value()) return figures;
  const Region largest = PatchOf(plan, stage, grid, 0);
  const std::vector<Size> sizes =
      NominalSizes(plan, stage, *all, {largest.rows.length(), largest.columns.length()});
  const int64_t count = grid.rows * grid.columns;
  bool has_input = false;
  for (size_t n = 0; n < stage.node_count; ++n) {
    const LocalNode& local = all->nodes[n].local;
    if (!local.has_window) continue;
    const auto add = [&](kl_value v) {
      figures.tiles.push_back({plan.values[v].name, sizes[v].rows, sizes[v].columns});
    };
    const kl_value y = plan.nodes[n].operands[local.output];
    if (!has_input) add(plan.nodes[n].operands[local.images[0].operand]);
    has_input = true;
    add(y);
    figures.stage_macs += MacsOf(plan, n);
    figures.nominal_stage_macs += count * local.macs_per_output *
                                  ChannelsOf(plan.values[y], ImageAxes()) * sizes[y].rows *
                                  sizes[y].columns;
  }
  for (int64_t i = 0; i < count; ++i) {
    const std::optional<StageTile> tile = TileOf(plan, stage, PatchOf(plan, stage, grid, i));
    for (size_t n = 0; tile.has_value() && n < stage.node_count; ++n)
      figures.patched_stage_macs += MacsOfTile(plan, n, *tile);
  }
  return figures;
}

uint64_t IdealPeakBytes(const Plan& plan) {
  std::vector<uint64_t> bytes;
  for (const PlanValue& value : plan.values) {
    const kl_tensor tensor = ShapedTensor(value, Extents());
    bytes.push_back(kl_tensor_bytes(&tensor));
  }
  Lifetimes lifetimes = LifetimesOf(plan, bytes);
  for (size_t n = 0; n < plan.nodes.size(); ++n) {
    const int32_t node = static_cast<int32_t>(n);
    const int32_t last = static_cast<int32_t>(plan.nodes[n].operands.size()) - 1;
    const std::optional<LocalNode> local = LocalNodeOf(plan, n, ImageAxes());
    if (IsView(plan.nodes[n].op)) {
      lifetimes.Share(plan, node, 0, last, TakeOver::kSameSize);
    } else if (local.has_value() && local->residual >= 0) {
      lifetimes.Share(plan, node, local->residual, last, TakeOver::kSameSize);
    } else if (local.has_value() && local->is_depthwise) {
      lifetimes.Share(plan, node, 0, last, TakeOver::kSmaller);
    } else if (local.has_value() && !local->has_window && plan.nodes[n].op != "concat" &&
               plan.nodes[n].op != "transpose" && !local->images.empty()) {
      lifetimes.Share(plan, node, static_cast<int32_t>(local->images[0].operand), last,
                      TakeOver::kSameSize);
    }
  }
  return LowerBoundBytes(lifetimes.requests);
}

uint64_t NominalPeakBytes(const Plan& plan, const Stage& stage, const Grid& grid,
                          uint64_t ideal_bytes) {
  const std::optional<StageTile> all = TileOf(plan, stage, WholeOf(plan, stage));
  if (!all.has_value()) return ideal_bytes;
  const Region largest = PatchOf(plan, stage, grid, 0);
  const std::vector<Size> sizes =
      NominalSizes(plan, stage, *all, {largest.rows.length(), largest.columns.length()});
  // The stage alone, on an image that is one tile large: no padding.
  Plan tile;
  tile.values = plan.values;
  tile.outputs = {stage.output};
  constexpr int64_t kNoPads[] = {0, 0, 0, 0};
  for (size_t n = 0; n < stage.node_count; ++n) {
    const NodeTile& part = all->nodes[n];
    const kl_value y = plan.nodes[n].operands[part.local.output];
    std::vector<int64_t>& shape = tile.values[y].shape;
    shape[static_cast<size_t>(part.output_axes.rows)] = sizes[y].rows;
    shape[static_cast<size_t>(part.output_axes.columns)] = sizes[y].columns;
    for (const ImageOperand& image : part.local.images) {
      const kl_value x = plan.nodes[n].operands[image.operand];
      tile.values[x].shape[static_cast<size_t>(image.axes.rows)] = sizes[x].rows;
      tile.values[x].shape[static_cast<size_t>(image.axes.columns)] = sizes[x].columns;
    }
    PlanNode node;
    node.op = plan.nodes[n].op;
    node.operands = plan.nodes[n].operands;
    node.attributes = WithPads(plan.nodes[n].attributes, kNoPads);
    tile.nodes.push_back(std::move(node));
  }
  const kl_tensor output = ShapedTensor(plan.values[stage.output], Extents());
  return std::max(ideal_bytes, IdealPeakBytes(tile) + kl_tensor_bytes(&output));
}

}  // namespace kinglet
