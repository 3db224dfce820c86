// How often each expert was chosen.
#ifndef KINGLET_TOOLS_COMMON_EXPERT_USE_H_
#define KINGLET_TOOLS_COMMON_EXPERT_USE_H_

#include <cstdint>
#include <vector>

#include "tools/common/routing_file.h"

namespace kinglet::tools {

struct ExpertUse {
  uint32_t layers = 0;   // that have experts
  uint32_t experts = 0;  // most of a layer
  uint64_t tokens = 0;
  std::vector<uint64_t> counts;  // [layers][experts]: tokens that chose it

  // Of nothing yet.
  static ExpertUse Of(uint32_t layers, uint32_t experts);
  static ExpertUse Of(const Routing& routing);

  // experts_of_token: [layers][top_k]; kNoExpert is passed over.
  void Add(const uint16_t* experts_of_token, uint32_t top_k);

  uint64_t count(uint32_t layer, uint32_t expert) const {
    return counts[uint64_t{layer} * experts + expert];
  }
  // Tokens that chose it, of all: 0..1.
  double Share(uint32_t layer, uint32_t expert) const {
    return tokens == 0 ? 0
                       : static_cast<double>(count(layer, expert)) / static_cast<double>(tokens);
  }
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_EXPERT_USE_H_
