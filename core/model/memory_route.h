// Greedy descent through the k-means tree of a memory bank.
//
//   at each level: of the k children of the node reached, the one whose centroid is nearest (L2);
//   equal distances: the lowest id
//
// k distances a level, summed in double precision in the order of the elements, so that every
// machine takes the same path. Pure; thread safe.
#ifndef KINGLET_CORE_MODEL_MEMORY_ROUTE_H_
#define KINGLET_CORE_MODEL_MEMORY_ROUTE_H_

#include <array>
#include <cstdint>

#include "core/model/memory_layout.h"

namespace kinglet {

// [0] is level 1.
struct MemoryPath {
  uint32_t depth = 0;
  std::array<uint64_t, kMemoryMaxDepth> ids = {};
  std::array<float, kMemoryMaxDepth> distances = {};  // L2, to the centroid that was chosen
  // L2 to the nearest centroid that was not: how sure the choice was.
  std::array<float, kMemoryMaxDepth> runner_up_distances = {};
};

//   centroids  f32 [k + k^2 + .. + k^p][c], level by level
//   vector     f32 [c]
// Not a number anywhere: such a distance is never the nearest.
MemoryPath DescendMemoryTree(const MemoryLayout& layout, const float* centroids,
                             const float* vector);

}  // namespace kinglet

#endif  // KINGLET_CORE_MODEL_MEMORY_ROUTE_H_
