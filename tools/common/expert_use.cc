#include "tools/common/expert_use.h"

namespace kinglet::tools {

ExpertUse ExpertUse::Of(uint32_t layers, uint32_t experts) {
  ExpertUse use;
  use.layers = layers;
  use.experts = experts;
  use.counts.resize(uint64_t{layers} * experts);
  return use;
}

ExpertUse ExpertUse::Of(const Routing& routing) {
  ExpertUse use = Of(routing.header.layers, routing.header.experts);
  for (size_t token = 0; token < routing.token_count(); ++token) {
    use.Add(routing.experts.data() + token * routing.header.ids_per_token(), routing.header.top_k);
  }
  return use;
}

void ExpertUse::Add(const uint16_t* experts_of_token, uint32_t top_k) {
  ++tokens;
  for (uint32_t layer = 0; layer < layers; ++layer) {
    for (uint32_t i = 0; i < top_k; ++i) {
      const uint16_t expert = experts_of_token[uint64_t{layer} * top_k + i];
      if (expert < experts) ++counts[uint64_t{layer} * experts + expert];
    }
  }
}

}  // namespace kinglet::tools
