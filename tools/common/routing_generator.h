// Routing that was never computed: as skewed as the SmallThinker paper reports, for measuring
// caches without a trained model.
//
//   A layer has 2 * top_k "hot" experts, chosen by the seed: each is active for 40 to 60 % of
//   tokens. The others (three quarters of 32) share the rest by Zipf's law, each active for less
//   than 14 % of tokens. With probability `locality` a token takes over an expert of the token
//   before it in the same layer; the shares above stay what they are.
#ifndef KINGLET_TOOLS_COMMON_ROUTING_GENERATOR_H_
#define KINGLET_TOOLS_COMMON_ROUTING_GENERATOR_H_

#include <cstdint>

#include "tools/common/report.h"
#include "tools/common/routing_file.h"

namespace kinglet::tools {

struct SyntheticRouting {
  uint32_t layers = 32;
  uint32_t experts = 32;
  uint32_t top_k = 4;
  uint64_t tokens = 1024;
  uint64_t seed = 1;
  double locality = 0.3;    // 0: every token is drawn anew
  double hot_share = 0.92;  // of all uses, that of the hot experts; 0: all experts are used alike
};

// Deterministic. Error (kExitUsage): fewer than 4 * top_k experts, which no such skew fits, unless
// all are used alike.
Failure GenerateRouting(const SyntheticRouting& shape, Routing* routing);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_ROUTING_GENERATOR_H_
