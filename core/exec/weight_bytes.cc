#include "core/exec/weight_bytes.h"

#include <algorithm>

namespace kinglet {

uint64_t MostWeightBytes(const Plan& plan, const PlanNode& node, int64_t tokens) {
  uint64_t sum = 0;
  for (kl_value value : node.operands) {
    if (value == KL_NO_VALUE || plan.values[value].kind != ValueKind::kWeight) continue;
    const PlanValue& weight = plan.values[value];
    uint64_t bytes = 0;
    for (const SourceTensor* tensor : weight.tensors) bytes += tensor->bytes;
    // The share of the outermost dimension that is read.
    int64_t whole = 1, part = 1;
    if (node.op == "embed" && !weight.shape.empty()) {
      whole = weight.shape[0];
      part = tokens;
    } else if (node.op == "moe_ffn" && plan.facts.expert_count > 0) {
      whole = plan.facts.expert_count;
      part = tokens * plan.facts.expert_used_count;
    }
    whole = std::max<int64_t>(1, whole);
    sum += bytes / static_cast<uint64_t>(whole) * static_cast<uint64_t>(std::clamp<int64_t>(part, 0, whole));
  }
  return sum;
}

}  // namespace kinglet
