// The sizes that a plan leaves open.
#ifndef KINGLET_CORE_EXEC_EXTENTS_H_
#define KINGLET_CORE_EXEC_EXTENTS_H_

#include <cstdint>

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

// Type and shape of a value with its open dimensions filled in; no data.
inline kl_tensor ShapedTensor(const PlanValue& value, const Extents& extents) {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = value.type;
  if (value.kind == ValueKind::kCache) {
    tensor.rank = 3;
    tensor.shape[0] = value.cache.head_count;
    tensor.shape[1] = KvCacheRows(value.cache, extents.context, extents.tokens);
    tensor.shape[2] = value.cache.head_length;
    return tensor;
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
