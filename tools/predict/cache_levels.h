// How a node's time depends on where its constants come from.
//
// From one run of a network to the next all of its weights and activations go through the caches:
// the more they are, the farther away a node's constants are when they are needed again. Sizes of
// caches are not asked for (virtual machines hide them, other programs take their part): a node is
// timed after some amounts of other memory went through, and what lies between follows their
// logarithm.
#ifndef KINGLET_TOOLS_PREDICT_CACHE_LEVELS_H_
#define KINGLET_TOOLS_PREDICT_CACHE_LEVELS_H_

#include <cstdint>
#include <vector>

namespace kinglet::tools {

// Within a core's own cache, beyond it, within and beyond what cores share.
inline const std::vector<uint64_t>& CacheLevels() {
  static const std::vector<uint64_t> levels = {256 << 10, 2 << 20, 16 << 20, 64 << 20};
  return levels;
}

// Nanoseconds for a network that goes through so many bytes, of nanoseconds at each of the levels.
double TimeAt(const std::vector<uint64_t>& levels, const std::vector<double>& ns, uint64_t bytes);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PREDICT_CACHE_LEVELS_H_
