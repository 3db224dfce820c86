#include "core/exec/patch/patched_plan.h"

#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kinglet {
namespace {

kl_attribute Ints(const char* name, const std::vector<int64_t>& values) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_INTS;
  attribute.count = static_cast<uint32_t>(values.size());
  attribute.ints = values.data();
  return attribute;
}

class Patcher {
 public:
  Patcher(const PinnedPlan& from, const Stage& stage)
      : from_(from), stage_(stage), to_(WithoutNodes(from)) {}

  // `first`, `last`: of all patches.
  void AddPatch(const StageTile& tile, const std::string& name, bool first, bool last) {
    std::vector<kl_value> made(from_.plan.values.size(), KL_NO_VALUE);
    for (size_t n = 0; n < stage_.node_count; ++n) AddTileNode(tile, n, name, &made);
    Paste(*tile.regions[stage_.output], made[stage_.output], name, first, last);
  }

  PinnedPlan Finish() {
    for (size_t n = stage_.node_count; n < from_.plan.nodes.size(); ++n)
      Append(from_.plan.nodes[n], KernelOf(n));
    return std::move(to_);
  }

 private:
  const kl_kernel* KernelOf(size_t node) const {
    return from_.kernels.empty() ? nullptr : from_.kernels[node];
  }

  void Append(PlanNode node, const kl_kernel* kernel) {
    to_.plan.nodes.push_back(std::move(node));
    to_.kernels.push_back(kernel);
  }

  kl_value AddValue(const PlanValue& like, const Region& region, const ImageAxes& axes,
                    const std::string& name) {
    PlanValue value;
    value.name = absl::StrCat(like.name, " ", name);
    value.type = like.type;
    value.shape = like.shape;
    value.shape[static_cast<size_t>(axes.rows)] = region.rows.length();
    value.shape[static_cast<size_t>(axes.columns)] = region.columns.length();
    to_.plan.values.push_back(std::move(value));
    return static_cast<kl_value>(to_.plan.values.size() - 1);
  }

  // The part `need` of `x`, of which `have` is there as value `from`.
  kl_value Crop(kl_value x, kl_value from, const Region& have, const Region& need,
                const ImageAxes& axes, const std::string& name) {
    if (have == need) return from;
    const PlanValue like = from_.plan.values[x];
    const kl_value to = AddValue(like, need, axes, absl::StrCat(name, ", cropped"));
    std::vector<int64_t> begins(like.shape.size(), 0);
    begins[static_cast<size_t>(axes.rows)] = need.rows.begin - have.rows.begin;
    begins[static_cast<size_t>(axes.columns)] = need.columns.begin - have.columns.begin;
    const std::vector<int64_t> steps(like.shape.size(), 1);
    const kl_attribute attributes[] = {Ints("begins", begins), Ints("steps", steps)};
    PlanNode node;
    node.op = "slice";
    node.name = to_.plan.values[to].name;
    node.attributes = AttributeSet(attributes, 2);
    node.operands = {from, KL_NO_VALUE, KL_NO_VALUE, KL_NO_VALUE, to};
    Append(std::move(node), nullptr);
    return to;
  }

  void AddTileNode(const StageTile& tile, size_t index, const std::string& name,
                   std::vector<kl_value>* made) {
    const PlanNode& from = from_.plan.nodes[index];
    const NodeTile& part = tile.nodes[index];
    PlanNode node;
    node.op = from.op;
    node.name = absl::StrCat(from.name, " ", name);
    node.attributes =
        part.local.has_window ? WithPads(from.attributes, part.pads) : from.attributes;
    node.operands = from.operands;
    for (size_t i = 0; i < part.needs.size(); ++i) {
      const ImageOperand& image = part.local.images[i];
      const kl_value x = from.operands[image.operand];
      const std::vector<int64_t>& shape = from_.plan.values[x].shape;
      const bool whole = from_.plan.values[x].kind == ValueKind::kInput;
      const Region have = whole ? Region{{0, shape[static_cast<size_t>(image.axes.rows)]},
                                         {0, shape[static_cast<size_t>(image.axes.columns)]}}
                                : *tile.regions[x];
      node.operands[image.operand] =
          Crop(x, whole ? x : (*made)[x], have, part.needs[i], image.axes, name);
    }
    const kl_value y = from.operands[part.local.output];
    (*made)[y] = AddValue(from_.plan.values[y], part.output, part.output_axes, name);
    node.operands[part.local.output] = (*made)[y];
    Append(std::move(node), KernelOf(index));
  }

  void Paste(const Region& region, kl_value x, const std::string& name, bool first, bool last) {
    const kl_value before = first ? KL_NO_VALUE : pasted_;
    if (last) {
      pasted_ = stage_.output;
    } else {
      pasted_ = AddValue(from_.plan.values[stage_.output], WholeOf(from_.plan, stage_), ImageAxes(),
                         absl::StrCat("up to ", name));
    }
    const std::vector<int64_t> begins = {0, 0, region.rows.begin, region.columns.begin};
    const kl_attribute attribute = Ints("begins", begins);
    PlanNode node;
    node.op = "paste";
    node.name = absl::StrCat("paste ", name);
    node.attributes = AttributeSet(&attribute, 1);
    node.operands = {before, x, pasted_};
    Append(std::move(node), nullptr);
  }

  const PinnedPlan& from_;
  const Stage stage_;
  PinnedPlan to_;
  kl_value pasted_ = KL_NO_VALUE;
};

}  // namespace

PinnedPlan WithoutNodes(const PinnedPlan& from) {
  PinnedPlan to;
  to.plan.values = from.plan.values;
  to.plan.inputs = from.plan.inputs;
  to.plan.outputs = from.plan.outputs;
  to.plan.facts = from.plan.facts;
  return to;
}

AttributeSet WithPads(const AttributeSet& from, const int64_t* pads) {
  std::vector<kl_attribute> attributes(from.data(), from.data() + from.size());
  for (kl_attribute& attribute : attributes) {
    if (std::strcmp(attribute.name, "pads") == 0) attribute.ints = pads;
  }
  return AttributeSet(attributes.data(), static_cast<uint32_t>(attributes.size()));
}

Region PatchOf(const Plan& plan, const Stage& stage, const Grid& grid, int64_t index) {
  const Region whole = WholeOf(plan, stage);
  return {PartOf(whole.rows.length(), grid.rows, index / grid.columns),
          PartOf(whole.columns.length(), grid.columns, index % grid.columns)};
}

std::optional<PinnedPlan> MakePatchedPlan(const PinnedPlan& from, const Stage& stage,
                                          const Grid& grid) {
  const Region whole = WholeOf(from.plan, stage);
  if (grid.rows > whole.rows.length() || grid.columns > whole.columns.length()) return std::nullopt;
  Patcher patcher(from, stage);
  const int64_t count = grid.rows * grid.columns;
  for (int64_t i = 0; i < count; ++i) {
    const auto tile = TileOf(from.plan, stage, PatchOf(from.plan, stage, grid, i));
    if (!tile.has_value()) return std::nullopt;
    patcher.AddPatch(*tile, absl::StrCat("patch ", i / grid.columns, ",", i % grid.columns), i == 0,
                     i == count - 1);
  }
  return patcher.Finish();
}

}  // namespace kinglet
