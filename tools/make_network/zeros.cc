#include "tools/make_network/zeros.h"

#include <algorithm>
#include <cmath>

namespace kinglet::tools {

void ZeroBlocks(int64_t rows, int64_t columns, double share, int64_t block, Random* random,
                std::vector<float>* weights) {
  int64_t left = (rows + block - 1) / block * columns;
  int64_t zeros = std::llround(share * static_cast<double>(left));
  // One draw a block, with the probability that makes every choice of `zeros` blocks equally likely
  // (Knuth's algorithm S).
  for (int64_t first = 0; first < rows; first += block) {
    for (int64_t column = 0; column < columns; ++column, --left) {
      if (random->Uniform() * static_cast<double>(left) >= static_cast<double>(zeros)) continue;
      --zeros;
      for (int64_t row = first; row < std::min(rows, first + block); ++row) {
        (*weights)[static_cast<size_t>(row * columns + column)] = 0.0f;
      }
    }
  }
}

}  // namespace kinglet::tools
