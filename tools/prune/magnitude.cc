#include "tools/prune/magnitude.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace kinglet::tools {
namespace {

float& At(const WeightMatrix& weights, int64_t output, int64_t input) {
  return weights.data[output * weights.output_stride + input * weights.input_stride];
}

}  // namespace

int64_t PruneByMagnitude(double share, int64_t block, const WeightMatrix& weights) {
  // Sum of squares and number of each block, output block by output block.
  std::vector<std::pair<double, int64_t>> blocks;
  for (int64_t first = 0; first < weights.outputs; first += block) {
    const int64_t last = std::min(weights.outputs, first + block);
    for (int64_t input = 0; input < weights.inputs; ++input) {
      double squares = 0;
      for (int64_t output = first; output < last; ++output) {
        const double weight = At(weights, output, input);
        squares += weight * weight;
      }
      // NaN has no order: it counts as large.
      if (std::isnan(squares)) squares = INFINITY;
      blocks.push_back({squares, static_cast<int64_t>(blocks.size())});
    }
  }
  const int64_t pruned = std::llround(share * static_cast<double>(blocks.size()));
  std::nth_element(blocks.begin(), blocks.begin() + pruned, blocks.end());
  for (int64_t i = 0; i < pruned; ++i) {
    const int64_t number = blocks[static_cast<size_t>(i)].second;
    const int64_t first = number / weights.inputs * block, input = number % weights.inputs;
    for (int64_t output = first; output < std::min(weights.outputs, first + block); ++output) {
      At(weights, output, input) = 0.0f;
    }
  }
  int64_t zeros = 0;
  for (int64_t output = 0; output < weights.outputs; ++output) {
    for (int64_t input = 0; input < weights.inputs; ++input) {
      if (At(weights, output, input) == 0.0f) ++zeros;
    }
  }
  return zeros;
}

}  // namespace kinglet::tools
