#include "core/exec/expert_layout.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/abi/error.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/exec/prepared_plan.h"

namespace kinglet {
namespace {

// Operands of moe_ffn (plugins/reference/moe_ffn.cc).
constexpr uint32_t kIds = 1;
constexpr uint32_t kMatrices[ExpertLayer::kPartCount] = {3, 4, 5};
constexpr uint32_t kOperandCount = 7;
constexpr uint64_t kPartAlignment = 64;

bool IsExpertNode(const Plan& plan, const PlanNode& node) {
  if (node.op != "moe_ffn" || node.operands.size() != kOperandCount) return false;
  return std::all_of(std::begin(kMatrices), std::end(kMatrices), [&](uint32_t operand) {
    const kl_value value = node.operands[operand];
    return value != KL_NO_VALUE && plan.values[value].kind == ValueKind::kWeight && plan.values[value].shape.size() == 3;
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExpertLayer>> ExpertLayer::Create(const Plan& plan, size_t index,
                                                                 const PreparedNode& node) {
  std::unique_ptr<ExpertLayer> layer(new ExpertLayer());
  const PlanNode& plan_node = plan.nodes[index];
  const kl_node& whole = node.operands->node();
  layer->node_index_ = index;
  layer->kernel_ = node.kernel;
  layer->ids_ = plan_node.operands[kIds];
  layer->expert_count_ = plan.values[plan_node.operands[kMatrices[0]]].shape[0];
  layer->chosen_count_ = plan.values[layer->ids_].shape.back();
  for (uint32_t i = 0; i < whole.operand_count; ++i) layer->tensors_.push_back(*whole.operands[i]);
  for (uint32_t operand : kMatrices) {
    kl_tensor& tensor = layer->tensors_[operand];
    tensor.shape[0] = 1;
    tensor.data = nullptr;
    tensor.parts = nullptr;
    tensor.layout = KL_LAYOUT_ROWS;
  }
  for (const kl_tensor& tensor : layer->tensors_) layer->pointers_.push_back(&tensor);
  layer->node_ = whole;
  layer->node_.operands = layer->pointers_.data();

  uint64_t end = 0;
  for (size_t p = 0; p < kPartCount; ++p) {
    ExpertPart& part = layer->parts_[p];
    part.operand = kMatrices[p];
    layer->weights_[p] = &plan.values[plan_node.operands[part.operand]];
    part.source_bytes = kl_tensor_bytes(&layer->tensors_[part.operand]);
    KL_ASSIGN_OR_RETURN(const kl_pack pack, QueryPack(*node.kernel, layer->node_, part.operand));
    part.bytes = pack.bytes == 0 ? part.source_bytes : pack.bytes;
    part.layout = pack.bytes == 0 ? KL_LAYOUT_ROWS : KL_LAYOUT_PACKED;
    if (pack.bytes != 0) part.layout_name = pack.layout;
    part.unit_count = pack.unit_count;
    if (pack.within == 0) {
      part.offset = AlignUp(end, kPartAlignment);
      end = part.offset + part.bytes;
      continue;
    }
    // Beside the part before, whose place becomes larger.
    if (p == 0 || pack.within != 1 + kMatrices[p - 1] || part.layout_name != layer->parts_[p - 1].layout_name) {
      return absl::InternalError(absl::StrCat("kernel ", node.kernel->name, " packs operand ", part.operand,
                                              " of moe_ffn into the copy of operand ", pack.within - 1,
                                              ", which is not the matrix before it"));
    }
    part.offset = layer->parts_[p - 1].offset;
    end += part.bytes;
  }
  layer->slot_bytes_ = AlignUp(end, kPartAlignment);
  return layer;
}

bool ExpertLayer::packs() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const ExpertPart& part) { return part.layout == KL_LAYOUT_PACKED; });
}

const SourceTensor& ExpertLayer::SourceOf(size_t part, int64_t expert) const {
  const PlanValue& weight = *weights_[part];
  return weight.tensors.size() == 1 ? *weight.tensors[0] : *weight.tensors[static_cast<size_t>(expert)];
}

uint64_t ExpertLayer::SourceOffset(size_t part, int64_t expert) const {
  const uint64_t before =
      weights_[part]->tensors.size() == 1 ? static_cast<uint64_t>(expert) * parts_[part].source_bytes : 0;
  return SourceOf(part, expert).file_offset + before;
}

const uint8_t* ExpertLayer::SourceData(size_t part, int64_t expert) const {
  const SourceTensor& tensor = SourceOf(part, expert);
  return tensor.data + (SourceOffset(part, expert) - tensor.file_offset);
}

kl_code ExpertLayer::Pack(const void* const* sources, void* slot, kl_error* error) const {
  for (size_t p = 0; p < kPartCount; ++p) {
    const ExpertPart& part = parts_[p];
    uint8_t* target = static_cast<uint8_t*>(slot) + part.offset;
    if (part.layout == KL_LAYOUT_ROWS) {
      memcpy(target, sources[p], part.source_bytes);
      continue;
    }
    kl_tensor source = tensors_[part.operand];
    source.data = const_cast<void*>(sources[p]);
    const kl_code code = kernel_->pack(&node_, part.operand, &source, target, 0, part.unit_count);
    if (code != KL_OK) {
      return kl_fail(error, code, "node %s, kernel %s: packing operand %u of one expert failed", node_.name,
                     kernel_->name, part.operand);
    }
  }
  return KL_OK;
}

absl::StatusOr<std::unique_ptr<ExpertLayout>> ExpertLayout::Create(const Plan& plan,
                                                                   const std::vector<PreparedNode>& nodes) {
  std::unique_ptr<ExpertLayout> layout(new ExpertLayout());
  layout->first_records_.push_back(0);
  layout->is_expert_.resize(plan.values.size());
  for (size_t n = 0; n < plan.nodes.size(); ++n) {
    if (!IsExpertNode(plan, plan.nodes[n])) continue;
    KL_ASSIGN_OR_RETURN(std::unique_ptr<ExpertLayer> layer, ExpertLayer::Create(plan, n, nodes[n]));
    const uint64_t count = static_cast<uint64_t>(layer->expert_count());
    layout->first_records_.push_back(layout->first_records_.back() + count);
    layout->slot_bytes_ = std::max(layout->slot_bytes_, layer->slot_bytes());
    layout->total_bytes_ += count * layer->slot_bytes();
    layout->most_experts_ = std::max(layout->most_experts_, layer->expert_count());
    layout->most_chosen_ = std::max(layout->most_chosen_, layer->chosen_count());
    for (const ExpertPart& part : layer->parts()) layout->is_expert_[plan.nodes[n].operands[part.operand]] = true;
    layout->layers_.push_back(std::move(layer));
  }
  layout->CheckStreamable(plan);
  return layout;
}

void ExpertLayout::CheckStreamable(const Plan& plan) {
  if (layers_.empty()) {
    streamable_ = absl::UnimplementedError("the model has no experts that could stay in its file");
    return;
  }
  std::vector<int> uses(plan.values.size());
  for (const PlanNode& node : plan.nodes) {
    for (kl_value value : node.operands) {
      if (value != KL_NO_VALUE) ++uses[value];
    }
  }
  for (const auto& layer : layers_) {
    for (const ExpertPart& part : layer->parts()) {
      const kl_value value = plan.nodes[layer->node_index()].operands[part.operand];
      if (uses[value] > 1) {
        streamable_ = absl::UnimplementedError(absl::StrCat("the experts ", plan.values[value].name, " have two users"));
        return;
      }
      for (const SourceTensor* tensor : plan.values[value].tensors) {
        if (tensor->file != nullptr) continue;
        streamable_ = absl::UnimplementedError(absl::StrCat("the experts ", tensor->name, " are not in a file as they are"));
        return;
      }
    }
  }
}

size_t ExpertLayout::LayerOf(uint64_t record, int64_t* expert) const {
  const auto end = std::upper_bound(first_records_.begin(), first_records_.end(), record);
  const size_t layer = static_cast<size_t>(end - first_records_.begin()) - 1;
  *expert = static_cast<int64_t>(record - first_records_[layer]);
  return layer;
}

bool ExpertLayout::packs() const {
  return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->packs(); });
}

bool ExpertLayout::IsExpert(kl_value value) const {
  return value != KL_NO_VALUE && static_cast<size_t>(value) < is_expert_.size() && is_expert_[value];
}

}  // namespace kinglet
