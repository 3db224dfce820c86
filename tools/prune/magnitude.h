// Pruning by magnitude: the smallest weights of a matrix become 0.
#ifndef KINGLET_TOOLS_PRUNE_MAGNITUDE_H_
#define KINGLET_TOOLS_PRUNE_MAGNITUDE_H_

#include <cstdint>

namespace kinglet::tools {

// A matrix of weights in place; outputs (rows) and inputs may lie either way round.
struct WeightMatrix {
  float* data;
  int64_t outputs;
  int64_t inputs;
  int64_t output_stride;
  int64_t input_stride;
};

// Sets the `share` of blocks with the smallest sums of squares to 0, rounded to whole blocks: a
// block is `block` neighbouring outputs of one input (fewer at the end). Of equal ones the first
// go. What is 0 already counts as smallest. Returns the number of zeros that the matrix then has.
int64_t PruneByMagnitude(double share, int64_t block, const WeightMatrix& weights);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PRUNE_MAGNITUDE_H_
