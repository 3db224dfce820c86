// The sizes that a plan leaves open.
#ifndef KINGLET_CORE_EXEC_EXTENTS_H_
#define KINGLET_CORE_EXEC_EXTENTS_H_

#include <cstdint>
#include <vector>

#include "core/abi/architecture.h"
#include "core/exec/plan.h"
#include "core/memory/kv_cache.h"

namespace kinglet {

// Largest values when kernels are chosen and memory is planned; actual ones in a run.
struct Extents {
  int64_t tokens = 1;
  int64_t outputs = 1;
  int64_t context = 1;
};

// The sizes that kernels are chosen for; a session's may be smaller or larger, kernels serve any.
constexpr Extents kTypicalExtents = {512, 512, 4096};

// The caches of a plan, in the order of its values.
inline std::vector<KvCacheSpec> CacheSpecs(const Plan& plan) {
  std::vector<KvCacheSpec> specs;
  for (const PlanValue& value : plan.values) {
    if (value.kind == ValueKind::kCache) specs.push_back({value.cache, value.type});
  }
  return specs;
}

// Type and shape of a value with its open dimensions filled in; no data.
inline kl_tensor ShapedTensor(const PlanValue& value, const Extents& extents) {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = value.type;
  if (value.kind == ValueKind::kCache) {
    return KvCacheTensor({value.cache, value.type}, extents.context, extents.tokens);
  }
  tensor.rank = static_cast<int32_t>(value.shape.size());
  for (size_t d = 0; d < value.shape.size(); ++d) {
    const int64_t dimension = value.shape[d];
    tensor.shape[d] = dimension == KL_DIM_TOKENS ? extents.tokens : dimension == KL_DIM_OUTPUTS ? extents.outputs : dimension;
  }
  return tensor;
}

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXTENTS_H_
