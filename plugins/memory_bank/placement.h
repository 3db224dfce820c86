// Which level's blocks may be copied to which directory. Pure.
//
//   for each level, the first first:        for each directory, the fastest first:
//     as many of its blocks as the directory's budget still holds; the rest goes on to the next one
//
// What no directory takes stays in the bank's own file, and so does what comes as far as the
// directory that the own file lies in: a copy beside it would be no faster.
#ifndef KINGLET_PLUGINS_MEMORY_BANK_PLACEMENT_H_
#define KINGLET_PLUGINS_MEMORY_BANK_PLACEMENT_H_

#include <cstdint>
#include <vector>

namespace memory_bank {

struct LevelBlocks {
  uint64_t block_count = 0;  // 0: all of the level is in memory, or it has no blocks
  uint64_t block_bytes = 0;  // as kept in a directory
  uint64_t file_bytes = 0;   // of a file without blocks: what the first one costs more
};

struct Directory {
  uint64_t budget_bytes = 0;
  bool holds_own_file = false;
};

// counts[level][directory]: blocks that may be kept there.
std::vector<std::vector<uint64_t>> PlaceLevels(const std::vector<LevelBlocks>& levels,
                                               const std::vector<Directory>& directories);

}  // namespace memory_bank

#endif  // KINGLET_PLUGINS_MEMORY_BANK_PLACEMENT_H_
