// Turns text without special tokens into token ids. One implementation for each family of
// tokenizers.
#ifndef KINGLET_CORE_TEXT_SUBWORD_ENCODER_H_
#define KINGLET_CORE_TEXT_SUBWORD_ENCODER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kinglet {

// Immutable and thread safe.
class SubwordEncoder {
 public:
  virtual ~SubwordEncoder() = default;

  // Appends the ids of `text`, which may hold any bytes, to `ids`. Takes O(n log n) for n bytes.
  // Fails when the vocabulary cannot spell the text; `ids` is then of no use.
  virtual absl::Status Encode(absl::string_view text, std::vector<int32_t>* ids) const = 0;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_SUBWORD_ENCODER_H_
