#include "core/exec/prepared_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

// A looked-up row makes at most this much of its file resident: the system maps what is cached around a page that faults.
constexpr uint64_t kBytesPerLookUp = 64 << 10;
// How much looked-up rows may hold under a budget, whatever the size of their table.
constexpr uint64_t kLookedUpBytes = 512 * kBytesPerLookUp;

kl_tensor AbsentTensor() {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = KL_TYPE_NONE;
  return tensor;
}

absl::Status CheckSupports(const kl_kernel& kernel, const kl_node& node) {
  if (kernel.supports == nullptr) return absl::OkStatus();
  kl_error error = EmptyError();
  const kl_code code = kernel.supports(&node, &error);
  if (code == KL_OK) return absl::OkStatus();
  return StatusFromError(code, error, absl::StrCat("node ", node.name, ", kernel ", kernel.name));
}

std::string DimensionText(int64_t dimension) {
  if (dimension == KL_DIM_TOKENS) return "tokens";
  if (dimension == KL_DIM_OUTPUTS) return "outputs";
  return absl::StrCat(dimension);
}

std::string ValueText(const PlanValue& value) {
  const char* type = kl_dtype_info_of(value.type).name;
  if (value.kind == ValueKind::kCache) {
    return absl::StrCat("cache ", type, "[", value.cache.head_count, ", ",
                        value.cache.window > 0 ? absl::StrCat("ring of ", value.cache.window) : "context", ", ",
                        value.cache.head_length, "]");
  }
  return absl::StrCat(type, "[", absl::StrJoin(value.shape, ", ", [](std::string* out, int64_t dimension) {
                        absl::StrAppend(out, DimensionText(dimension));
                      }), "]");
}

}  // namespace

NodeOperands::NodeOperands(const Plan& plan, const PlanNode& node, const Extents& extents, int thread_count) {
  tensors_.reserve(node.operands.size());
  for (kl_value value : node.operands) {
    tensors_.push_back(value == KL_NO_VALUE ? AbsentTensor() : ShapedTensor(plan.values[value], extents));
  }
  for (const kl_tensor& tensor : tensors_) pointers_.push_back(&tensor);
  node_.struct_size = sizeof node_;
  node_.op = node.op.c_str();
  node_.name = node.name.c_str();
  node_.attributes = node.attributes.data();
  node_.attribute_count = node.attributes.size();
  node_.operands = pointers_.data();
  node_.operand_count = static_cast<uint32_t>(pointers_.size());
  node_.thread_count = static_cast<uint32_t>(thread_count);
}

absl::Status PreparedPlan::CheckOperands(const PlanNode& node, const kl_op& op) const {
  if (node.operands.size() != op.operand_count) {
    return absl::InvalidArgumentError(absl::StrCat("node ", node.name, ": operator ", node.op, " has ",
                                                   op.operand_count, " operands, the plan gives ",
                                                   node.operands.size()));
  }
  for (uint32_t i = 0; i < op.operand_count; ++i) {
    const kl_operand& operand = op.operands[i];
    const kl_value value = node.operands[i];
    const absl::string_view where = node.name;
    if (value == KL_NO_VALUE) {
      if (operand.optional == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("node ", where, ": operand ", operand.name, " of operator ", node.op, " is missing"));
      }
      continue;
    }
    const ValueKind kind = plan_.values[value].kind;
    if (operand.role == KL_OPERAND_OUTPUT && kind != ValueKind::kActivation) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", where, ": output ", operand.name, " is not an activation"));
    }
    if (operand.role == KL_OPERAND_STATE && kind != ValueKind::kCache) {
      return absl::InvalidArgumentError(absl::StrCat("node ", where, ": state ", operand.name, " is not a cache"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PreparedPlan>> PreparedPlan::Create(const Plan& plan, const Registry& registry,
                                                                   const Extents& largest, int thread_count,
                                                                   const std::vector<const kl_kernel*>* kernels) {
  std::unique_ptr<PreparedPlan> prepared(new PreparedPlan(plan, thread_count));
  prepared->nodes_.reserve(plan.nodes.size());
  for (const PlanNode& node : plan.nodes) {
    PreparedNode target;
    target.op = registry.FindOp(node.op);
    if (target.op == nullptr) {
      return absl::UnimplementedError(absl::StrCat("node ", node.name, ": no loaded plugin defines operator ", node.op,
                                                   "; is the reference plugin there?"));
    }
    KL_RETURN_IF_ERROR(prepared->CheckOperands(node, *target.op));
    target.operands = std::make_unique<NodeOperands>(plan, node, largest, thread_count);
    for (size_t i = 0; i < node.operands.size(); ++i) {
      // supports() may ask whether an operand is a constant: those have data, where the file has them until Bind().
      const kl_value value = node.operands[i];
      if (value == KL_NO_VALUE || plan.values[value].tensors.size() != 1) continue;
      target.operands->operand(i)->data = const_cast<uint8_t*>(plan.values[value].tensors[0]->data);
    }
    target.kernel = kernels == nullptr ? nullptr : (*kernels)[prepared->nodes_.size()];
    if (target.kernel == nullptr) {
      KL_ASSIGN_OR_RETURN(target.kernel, registry.Resolve(target.operands->node()));
    } else {
      KL_RETURN_IF_ERROR(CheckSupports(*target.kernel, target.operands->node()));
    }
    target.host = registry.HostOf(target.kernel);
    prepared->nodes_.push_back(std::move(target));
  }
  KL_ASSIGN_OR_RETURN(prepared->experts_, ExpertLayout::Create(plan, prepared->nodes_));
  KL_ASSIGN_OR_RETURN(prepared->weights_, prepared->WantedWeights(LeftWeights()));
  return prepared;
}

absl::StatusOr<WeightStore> PreparedPlan::WantedWeights(const LeftWeights& left) const {
  WeightStore weights;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const PreparedNode& node = nodes_[n];
    for (uint32_t i = 0; i < node.op->operand_count; ++i) {
      const kl_value value = plan_.nodes[n].operands[i];
      if (value == KL_NO_VALUE || plan_.values[value].kind != ValueKind::kWeight) continue;
      if (IsLeft(left, n, i)) continue;
      KL_RETURN_IF_ERROR(weights.Want(plan_.values[value], &node.operands->node(), i, node.kernel));
    }
  }
  return weights;
}

bool PreparedPlan::IsLeft(const LeftWeights& left, size_t node, uint32_t operand) const {
  if (left.experts && experts_->IsExpert(plan_.nodes[node].operands[operand])) return true;
  return left.large != nullptr && operand == kMatmulWeight && left.large->NodeOf(node) != nullptr;
}

std::unique_ptr<StreamedWeights> PreparedPlan::StreamableWeights() const {
  return StreamedWeights::Create(plan_, nodes_, thread_count_);
}

absl::Status PreparedPlan::LeaveWeights() {
  std::unique_ptr<StreamedWeights> streamed = StreamableWeights();
  if (streamed->nodes().empty()) {
    return absl::UnimplementedError("the model has no large matrices that could be read from its file for each token");
  }
  streamed_weights_ = std::move(streamed);
  KL_ASSIGN_OR_RETURN(weights_, WantedWeights(left()));
  return absl::OkStatus();
}

absl::Status PreparedPlan::LeaveExperts() {
  KL_RETURN_IF_ERROR(experts_->streamable());
  leaves_experts_ = true;
  KL_ASSIGN_OR_RETURN(weights_, WantedWeights(left()));
  return absl::OkStatus();
}

absl::StatusOr<WeightNeeds> PreparedPlan::NeedsWithout(const LeftWeights& left) const {
  KL_ASSIGN_OR_RETURN(const WeightStore weights, WantedWeights(left));
  return NeedsOf(weights);
}

WeightNeeds PreparedPlan::NeedsOf(const WeightStore& weights) const {
  WeightNeeds needs;
  needs.packed_bytes = weights.packed_bytes();
  needs.mapped_bytes = weights.mapped_bytes() - weights.looked_up_bytes();
  needs.looked_up_bytes = std::min(weights.looked_up_bytes(), kLookedUpBytes);
  needs.packing_bytes = std::min(WeightStore::kSliceBytes * static_cast<uint64_t>(thread_count_), needs.packed_bytes);
  return needs;
}

void PreparedPlan::BoundLookedUp(int64_t tokens) const {
  if (!bounds_looked_up_) return;
  constexpr int64_t kMostTokens = kLookedUpBytes / kBytesPerLookUp;
  if (looked_up_tokens_.fetch_add(tokens) + tokens <= kMostTokens) return;
  weights_.ForgetLookedUp();
  looked_up_tokens_.store(tokens);
}

absl::Status PreparedPlan::LoadWeights(Budget* budget, const ParallelForFunction& parallel_for,
                                       const ProgressFunction& progress, const PackedCacheOptions* cache) {
  if (budget != nullptr) {
    bounds_looked_up_ = budget->limit_bytes() != 0;
    const uint64_t mapped_bytes =
        bounds_looked_up_ ? needs().resident_bytes() - weights_.packed_bytes() : weights_.mapped_bytes();
    KL_ASSIGN_OR_RETURN(mapped_reservation_, budget->Reserve("mapped weights", mapped_bytes));
    KL_ASSIGN_OR_RETURN(packed_reservation_, budget->Reserve("packed weights", weights_.packed_bytes()));
  }
  Reservation reading;
  if (bounds_looked_up_) {
    KL_ASSIGN_OR_RETURN(reading, budget->Reserve("file being packed", needs().packing_bytes));
  }
  KL_RETURN_IF_ERROR(weights_.Pack(bounds_looked_up_, parallel_for, progress, cache));
  weights_.Settle(/*frugal=*/bounds_looked_up_);
  for (size_t n = 0; n < nodes_.size(); ++n) {
    PreparedNode& node = nodes_[n];
    for (uint32_t i = 0; i < node.op->operand_count; ++i) {
      const kl_value value = plan_.nodes[n].operands[i];
      if (value == KL_NO_VALUE || plan_.values[value].kind != ValueKind::kWeight) continue;
      if (IsLeft(left(), n, i)) {
        // The layout is known before the data is: prepare() may look at it.
        const kl_pack pack = QueryPack(*node.kernel, node.operands->node(), i).value_or(kl_pack{});
        node.operands->operand(i)->layout = pack.bytes == 0 ? KL_LAYOUT_ROWS : KL_LAYOUT_PACKED;
        node.operands->operand(i)->data = nullptr;
        continue;
      }
      weights_.Bind(plan_.values[value], node.operands->node(), i, node.operands->operand(i));
    }
  }
  return absl::OkStatus();
}

std::string PreparedPlan::Describe(const Registry& registry) const {
  std::string text;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const PlanNode& node = plan_.nodes[n];
    absl::StrAppend(&text, n, " ", node.op, " ", node.name, " ", nodes_[n].kernel->name, " (",
                    registry.PluginOf(nodes_[n].kernel), ")");
    for (kl_value value : node.operands) {
      absl::StrAppend(&text, " ", value == KL_NO_VALUE ? "-" : ValueText(plan_.values[value]));
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace kinglet
