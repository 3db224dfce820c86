// Zeros in a weight matrix: how many, and in which blocks.
#ifndef KINGLET_TOOLS_MAKE_NETWORK_ZEROS_H_
#define KINGLET_TOOLS_MAKE_NETWORK_ZEROS_H_

#include <cstdint>
#include <vector>

#include "tools/common/random.h"

namespace kinglet::tools {

// Sets blocks of `block` neighbouring rows (output channels) in one column to 0, drawn evenly,
// until the nearest whole number of blocks to `share` of them is 0. weights: [rows][columns]; the
// last block of a column may be shorter.
void ZeroBlocks(int64_t rows, int64_t columns, double share, int64_t block, Random* random,
                std::vector<float>* weights);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_NETWORK_ZEROS_H_
