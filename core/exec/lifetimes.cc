#include "core/exec/lifetimes.h"

#include <algorithm>

namespace kinglet {
namespace {

bool IsPlanned(ValueKind kind) {
  return kind == ValueKind::kActivation || kind == ValueKind::kTokenIds ||
         kind == ValueKind::kPositions || kind == ValueKind::kOutputRows;
}

}  // namespace

Lifetimes LifetimesOf(const Plan& plan, const std::vector<uint64_t>& bytes) {
  const int32_t last_node = static_cast<int32_t>(plan.nodes.size());
  Lifetimes lifetimes;
  std::vector<kl_memory_request>& requests = lifetimes.requests;
  lifetimes.request_of.assign(plan.values.size(), -1);
  for (size_t v = 0; v < plan.values.size(); ++v) {
    if (!IsPlanned(plan.values[v].kind)) continue;
    lifetimes.request_of[v] = static_cast<int32_t>(requests.size());
    const bool from_caller = plan.values[v].kind != ValueKind::kActivation;
    requests.push_back({bytes[v], from_caller ? 0 : last_node, from_caller ? last_node : 0, -1});
  }
  for (int32_t n = 0; n < last_node; ++n) {
    for (const kl_value value : plan.nodes[n].operands) {
      if (value == KL_NO_VALUE || lifetimes.request_of[value] < 0) continue;
      kl_memory_request& request = requests[lifetimes.request_of[value]];
      request.first_node = std::min(request.first_node, n);
      request.last_node = std::max(request.last_node, n);
    }
  }
  for (const kl_value output : plan.outputs) {
    if (lifetimes.request_of[output] >= 0)
      requests[lifetimes.request_of[output]].last_node = last_node;
  }
  for (kl_memory_request& request : requests) {
    if (request.first_node > request.last_node) {  // a value nobody uses
      request.last_node = request.first_node;
      request.bytes = 0;
    }
  }
  return lifetimes;
}

void Lifetimes::Share(const Plan& plan, int32_t node, int32_t input, int32_t output,
                      TakeOver kind) {
  const std::vector<kl_value>& operands = plan.nodes[node].operands;
  const kl_value from = operands[input], to = operands[output];
  if (from == KL_NO_VALUE || to == KL_NO_VALUE || request_of[from] < 0 || request_of[to] < 0)
    return;
  if (plan.values[from].kind != ValueKind::kActivation) return;
  if (kind == TakeOver::kSmaller && std::count(operands.begin(), operands.end(), from) > 1) return;
  const kl_memory_request& source = requests[request_of[from]];
  kl_memory_request& target = requests[request_of[to]];
  const bool fits =
      kind == TakeOver::kSameSize ? source.bytes == target.bytes : target.bytes <= source.bytes;
  if (fits && source.last_node == node) target.may_alias = request_of[from];
}

}  // namespace kinglet
