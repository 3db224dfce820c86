// Routing as a bank sees it: which records were asked for, one after the other.
#ifndef KINGLET_TOOLS_COMMON_ROUTING_RECORDS_H_
#define KINGLET_TOOLS_COMMON_ROUTING_RECORDS_H_

#include <cstdint>
#include <vector>

#include "tools/common/routing_file.h"

namespace kinglet::tools {

inline constexpr uint64_t kNoRecord = UINT64_MAX;  // a place that the router left empty

// The records that tokens asked for, in the order of decoding: token by token, layer by layer.
// Record of expert e of layer l: l * experts + e.
std::vector<uint64_t> AskedRecords(const Routing& routing, bool with_prompt, uint64_t* token_count);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_ROUTING_RECORDS_H_
