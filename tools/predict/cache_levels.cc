#include "tools/predict/cache_levels.h"

#include <cmath>
#include <cstddef>

namespace kinglet::tools {

double TimeAt(const std::vector<uint64_t>& levels, const std::vector<double>& ns, uint64_t bytes) {
  if (bytes <= levels.front()) return ns.front();
  for (size_t i = 1; i < levels.size(); ++i) {
    if (bytes > levels[i]) continue;
    const double from = std::log2(static_cast<double>(levels[i - 1]));
    const double to = std::log2(static_cast<double>(levels[i]));
    const double share = (std::log2(static_cast<double>(bytes)) - from) / (to - from);
    return ns[i - 1] + share * (ns[i] - ns[i - 1]);
  }
  return ns.back();
}

}  // namespace kinglet::tools
