// Writing random weights in every block type without quantising: codes are drawn from the
// distribution that quantised Gaussian weights have, and packed.
//
// A type offers a list of levels (q4_0: -8 .. 7). A LevelTable maps 12 random bits to the code of a
// level so that codes follow a Gaussian of a chosen mean. The stored weight is
//   level * step            (times a sub-block scale near 1 in the K types and iq4_xs)
// Source: the block definitions of the GGUF format document.
#ifndef KINGLET_TOOLS_MAKE_MODEL_BLOCK_TYPE_H_
#define KINGLET_TOOLS_MAKE_MODEL_BLOCK_TYPE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/abi/types.h"
#include "tools/common/random.h"

namespace kinglet::tools {

using Code = uint16_t;

struct BlockType {
  kl_dtype type;
  std::vector<float> levels;  // by code, ascending
  double spread;              // standard deviation, in units of levels, that clips next to nothing
  // Packs one block of codes; `random` varies sub-block scales where the type has them.
  void (*pack)(const Code* codes, const float* levels, float step, Random* random, uint8_t* out);
};

// NULL for a type that weights cannot have. Thread safe; lives for ever.
const BlockType* FindBlockType(kl_dtype type);
// By name ("q4_k"); NULL when there is none.
const BlockType* FindBlockType(const std::string& name);
std::vector<std::string> BlockTypeNames();

uint16_t HalfFromFloat(float value);  // rounded to nearest even
float FloatFromHalf(uint16_t half);

// Draws codes so that levels have mean `mean_ratio` * their standard deviation.
class LevelTable {
 public:
  LevelTable(const BlockType& type, double mean_ratio);

  static constexpr int kBits = 12;
  void Draw(Random* random, Code* codes, size_t count) const;
  // Of the levels drawn, before the step.
  double mean() const { return mean_; }
  double deviation() const { return deviation_; }

 private:
  void Fill(const BlockType& type, double mean);

  std::array<Code, 1u << kBits> codes_;
  double mean_ = 0;
  double deviation_ = 0;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_MODEL_BLOCK_TYPE_H_
