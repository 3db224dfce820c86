// Reading every block of a `.klbank` file, to see whether it is what was written.
#ifndef KINGLET_LOADERS_KLBANK_KLBANK_VERIFY_H_
#define KINGLET_LOADERS_KLBANK_KLBANK_VERIFY_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "core/model/memory_source.h"

namespace kinglet {

// One block: of level 1..p, or the level's generic block (id 0).
struct KlbankCheck {
  uint32_t level = 0;
  uint64_t id = 0;
  bool generic = false;
  bool ok = false;  // its bytes have the checksum of the table
  uint64_t offset = 0;
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;  // of all blocks that will be read
};

// False stops.
using KlbankCheckFunction = std::function<bool(const KlbankCheck&)>;

// The blocks that may be read, level by level, then the generic ones: calls `visit` for each in
// the order of the file. Denied and absent ones are left out.
void ForEachReadableBlock(const MemorySource& bank,
                          const std::function<bool(const MemoryChoice&, uint32_t level)>& visit);

// Reads every block that may be read and calls `check` (may be null) after each. Returns how many
// are bad. Denied blocks are not read. Errors: Cancelled by `check`; DataLoss when the file was cut
// short meanwhile.
absl::StatusOr<uint64_t> VerifyKlbank(const MemorySource& bank, const KlbankCheckFunction& check);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_KLBANK_KLBANK_VERIFY_H_
