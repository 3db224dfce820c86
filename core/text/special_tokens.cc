#include "core/text/special_tokens.h"

namespace kinglet {
namespace {

uint64_t EdgeKey(uint32_t node, char byte) {
  return static_cast<uint64_t>(node) << 8 | static_cast<uint8_t>(byte);
}

}  // namespace

SpecialTokens::SpecialTokens() : nodes_(1) {}

void SpecialTokens::Add(absl::string_view text, int32_t id, bool structural) {
  if (text.empty() || text.size() > kLongestSpecialBytes) return;
  first_bytes_.set(static_cast<uint8_t>(text[0]));
  uint32_t node = 0;
  for (char byte : text) {
    const auto inserted = edges_.emplace(EdgeKey(node, byte), static_cast<uint32_t>(nodes_.size()));
    if (inserted.second) nodes_.emplace_back();
    node = inserted.first->second;
  }
  (structural ? nodes_[node].structural_id : nodes_[node].plain_id) = id;
}

SpecialTokens::Match SpecialTokens::Find(absl::string_view text, size_t position,
                                         size_t trusted_end) const {
  Match match;
  uint32_t node = 0;
  for (size_t at = position; at < text.size(); at++) {
    const auto edge = edges_.find(EdgeKey(node, text[at]));
    if (edge == edges_.end()) break;
    node = edge->second;
    const size_t end = at + 1;
    if (nodes_[node].structural_id >= 0 && end <= trusted_end) {
      match = {nodes_[node].structural_id, end - position};
    } else if (nodes_[node].plain_id >= 0) {
      match = {nodes_[node].plain_id, end - position};
    }
  }
  return match;
}

}  // namespace kinglet
