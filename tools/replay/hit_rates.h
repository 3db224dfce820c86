// What a replay found, and how it is shown.
#ifndef KINGLET_TOOLS_REPLAY_HIT_RATES_H_
#define KINGLET_TOOLS_REPLAY_HIT_RATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/routing_file.h"

namespace kinglet::tools {

struct HitRates {
  RoutingHeader header;
  uint64_t token_count = 0;
  std::vector<std::string> policies;      // "belady" is the last
  std::vector<uint64_t> slots;            // of each size, rising
  std::vector<std::vector<double>> rate;  // [slots][policies], 0..1
  std::vector<std::vector<double>> misses_per_token;

  uint64_t record_count() const { return uint64_t{header.layers} * header.experts; }
};

std::string MarkdownOf(const HitRates& rates);
std::string JsonOf(const HitRates& rates);
// Hit rate against size, one line a policy: a complete SVG document.
std::string SvgOf(const HitRates& rates);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_REPLAY_HIT_RATES_H_
