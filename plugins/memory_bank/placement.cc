#include "plugins/memory_bank/placement.h"

#include <algorithm>

namespace memory_bank {

std::vector<std::vector<uint64_t>> PlaceLevels(const std::vector<LevelBlocks>& levels,
                                               const std::vector<Directory>& directories) {
  std::vector<std::vector<uint64_t>> counts(levels.size(),
                                            std::vector<uint64_t>(directories.size(), 0));
  std::vector<uint64_t> left_bytes;
  for (const Directory& directory : directories) left_bytes.push_back(directory.budget_bytes);
  for (size_t level = 0; level < levels.size(); ++level) {
    const LevelBlocks& blocks = levels[level];
    uint64_t left_count = blocks.block_count;
    for (size_t i = 0; i < directories.size() && left_count > 0; ++i) {
      if (directories[i].holds_own_file) break;
      if (left_bytes[i] < blocks.file_bytes || blocks.block_bytes == 0) continue;
      const uint64_t count =
          std::min(left_count, (left_bytes[i] - blocks.file_bytes) / blocks.block_bytes);
      if (count == 0) continue;
      counts[level][i] = count;
      left_bytes[i] -= blocks.file_bytes + count * blocks.block_bytes;
      left_count -= count;
    }
  }
  return counts;
}

}  // namespace memory_bank
