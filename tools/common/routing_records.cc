#include "tools/common/routing_records.h"

namespace kinglet::tools {

std::vector<uint64_t> AskedRecords(const Routing& routing, bool with_prompt,
                                   uint64_t* token_count) {
  const RoutingHeader& header = routing.header;
  std::vector<uint64_t> ids;
  ids.reserve(routing.experts.size());
  *token_count = 0;
  for (size_t token = 0; token < routing.token_count(); ++token) {
    if ((routing.flags[token] & kRoutingPrompt) != 0 && !with_prompt) continue;
    ++*token_count;
    const uint16_t* row = routing.experts.data() + token * header.ids_per_token();
    for (uint64_t i = 0; i < header.ids_per_token(); ++i) {
      ids.push_back(row[i] == kNoExpert ? kNoRecord : i / header.top_k * header.experts + row[i]);
    }
  }
  return ids;
}

}  // namespace kinglet::tools
