#include "core/model/memory_route.h"

#include <cmath>
#include <limits>

namespace kinglet {
namespace {

double SquaredDistance(const float* a, const float* b, uint32_t width) {
  double sum = 0;
  for (uint32_t i = 0; i < width; ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum;
}

}  // namespace

MemoryPath DescendMemoryTree(const MemoryLayout& layout, const float* centroids,
                             const float* vector) {
  const MemoryShape& shape = layout.shape();
  MemoryPath path;
  path.depth = shape.depth;
  uint64_t parent = 0;
  for (uint32_t level = 1; level <= shape.depth; ++level) {
    const uint64_t first_child = parent * shape.branching;
    uint64_t nearest = first_child;
    double least = std::numeric_limits<double>::infinity();
    double second = least;
    for (uint64_t child = first_child; child < first_child + shape.branching; ++child) {
      const float* centroid = centroids + (layout.FirstNode(level) + child) * shape.encoder_width;
      const double distance = SquaredDistance(vector, centroid, shape.encoder_width);
      if (distance < least) {
        second = least;
        least = distance;
        nearest = child;
      } else if (distance < second) {
        second = distance;
      }
    }
    path.ids[level - 1] = nearest;
    path.distances[level - 1] = static_cast<float>(std::sqrt(least));
    path.runner_up_distances[level - 1] = static_cast<float>(std::sqrt(second));
    parent = nearest;
  }
  return path;
}

}  // namespace kinglet
