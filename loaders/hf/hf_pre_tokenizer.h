// How a tokenizer.json prepares text: its "normalizer" and "pre_tokenizer".
#ifndef KINGLET_LOADERS_HF_HF_PRE_TOKENIZER_H_
#define KINGLET_LOADERS_HF_HF_PRE_TOKENIZER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "loaders/common/json_file.h"

namespace kinglet {

struct HfPreTokenizer {
  bool byte_level = false;              // text becomes letters that stand for bytes
  bool writes_spaces_as_marks = false;  // SentencePiece's U+2581
  bool adds_space_prefix = false;
  std::string name;  // of core/text's table, when the patterns are known there
  std::vector<std::string> split_patterns;  // otherwise
};

// Reads both fields of the tokenizer. Unimplemented, naming it: a step that is not known.
absl::StatusOr<HfPreTokenizer> ReadHfPreTokenizer(absl::string_view path,
                                                  const nlohmann::json& tokenizer);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_HF_HF_PRE_TOKENIZER_H_
