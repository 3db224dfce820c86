// Finds special tokens in text: of those that start at a place the longest one.
//
// Two classes. A *structural* token (<|im_end|>, <s>) shapes the conversation; text that a user
// typed must never turn into one, so they are found only where the caller trusts the text. A
// *plain* one (user defined, such as <think> or a run of spaces) is text that is always one token.
//
// Takes one step a byte of text, and at most kLongestSpecialBytes at a byte where special tokens
// may start, however many special tokens there are.
//
// Thread safety: immutable after the last Add.
#ifndef KINGLET_CORE_TEXT_SPECIAL_TOKENS_H_
#define KINGLET_CORE_TEXT_SPECIAL_TOKENS_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace kinglet {

// Longer ones are not looked for.
inline constexpr size_t kLongestSpecialBytes = 256;

class SpecialTokens {
 public:
  SpecialTokens();

  // Of two tokens with the same text, the one added last is found.
  void Add(absl::string_view text, int32_t id, bool structural);

  struct Match {
    int32_t id = -1;  // -1: none
    size_t length = 0;
  };

  // The longest special token at text[position]: a structural one only if it ends at or before
  // `trusted_end`.
  Match Find(absl::string_view text, size_t position, size_t trusted_end) const;

  // Whether a special token may start with this byte.
  bool MayStart(char byte) const { return first_bytes_[static_cast<uint8_t>(byte)]; }

 private:
  struct Node {
    int32_t plain_id = -1;
    int32_t structural_id = -1;
  };

  std::vector<Node> nodes_;                        // of a trie; 0 is the root
  absl::flat_hash_map<uint64_t, uint32_t> edges_;  // node << 8 | byte to node
  std::bitset<256> first_bytes_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_SPECIAL_TOKENS_H_
