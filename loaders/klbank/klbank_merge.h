// One `.klbank` file of the blocks of several: parts that were trained apart.
#ifndef KINGLET_LOADERS_KLBANK_KLBANK_MERGE_H_
#define KINGLET_LOADERS_KLBANK_KLBANK_MERGE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kinglet {

enum class KlbankPrefer {
  kNone,   // blocks that differ are refused
  kFirst,  // the block of the bank named first
  kLast,
};

// False stops.
using KlbankProgress = std::function<bool(uint64_t done_blocks, uint64_t total_blocks)>;

// The banks have the same shape, centroids and fingerprints; name and encoder's file are the first
// bank's. A node that one of them denies is denied in the target, and blocks that may not be read
// are not copied: merging a single bank leaves what is denied out for good. Every block is checked
// on its way. The target appears whole or not at all, and may be one of the sources. Memory: the
// table. Errors: FailedPrecondition says which banks differ in what; DataLoss a block that is
// damaged.
absl::Status MergeKlbanks(const std::vector<std::string>& paths, absl::string_view target,
                          KlbankPrefer prefer, const KlbankProgress& progress);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_KLBANK_KLBANK_MERGE_H_
