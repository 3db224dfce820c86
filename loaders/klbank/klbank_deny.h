// The deny list of a `.klbank` file that exists already.
#ifndef KINGLET_LOADERS_KLBANK_KLBANK_DENY_H_
#define KINGLET_LOADERS_KLBANK_KLBANK_DENY_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kinglet {

struct MemoryNode {
  uint32_t level = 0;  // 1..p
  uint64_t id = 0;
};

// Puts nodes on the deny list, or takes them off. The new table goes to a place that nothing uses
// (the file grows where there is none), is synced, and only then the header, one sector, points to
// it: whatever fails, the file is the old bank or the new one. Blocks are neither read nor changed.
// Two at a time wait for each other. Who has the bank open can rely on it only after opening it
// again; a later edit may reach the mapping earlier, since it takes the place of the table before
// last. Errors: those of ReadKlbank(); InvalidArgument, a node that has no block; Unavailable, the
// file cannot be written.
absl::Status SetKlbankDenied(absl::string_view path, const std::vector<MemoryNode>& nodes,
                             bool denied);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_KLBANK_KLBANK_DENY_H_
