#include "core/text/token_names.h"

#include <algorithm>
#include <iterator>

namespace kinglet {
namespace {

bool IsWrapped(absl::string_view text, absl::string_view left, absl::string_view right) {
  return text.size() > left.size() + right.size() && text.substr(0, left.size()) == left &&
         text.substr(text.size() - right.size()) == right;
}

template <size_t kCount>
bool IsOneOf(absl::string_view text, const absl::string_view (&names)[kCount]) {
  return std::find(std::begin(names), std::end(names), text) != std::end(names);
}

}  // namespace

bool LooksStructural(absl::string_view text) {
  static constexpr absl::string_view kOthers[] = {
      "<start_of_turn>",  "<end_of_turn>",     "<end_of_utterance>",
      "[INST]",           "[/INST]",           "[SYSTEM_PROMPT]",
      "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
      "[TOOL_CALLS]",     "[TOOL_RESULTS]",    "[/TOOL_RESULTS]",
  };
  // The second pair is written with U+FF5C.
  return IsWrapped(text, "<|", "|>") || IsWrapped(text, "<\xEF\xBD\x9C", "\xEF\xBD\x9C>") ||
         IsOneOf(text, kOthers);
}

bool EndsATurn(absl::string_view text) {
  static constexpr absl::string_view kNames[] = {
      "<|im_end|>",
      "<|eot_id|>",
      "<|eom_id|>",
      "<|end_of_text|>",
      "<|endoftext|>",
      "<|end|>",
      "<|return|>",
      "<|call|>",
      "<|EOT|>",
      "<EOT>",
      "<end_of_turn>",
      "<end_of_utterance>",
      "<eos>",
      "<\xEF\xBD\x9C"
      "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
  };
  return IsOneOf(text, kNames);
}

}  // namespace kinglet
