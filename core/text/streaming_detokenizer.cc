#include "core/text/streaming_detokenizer.h"

#include "core/text/utf8.h"

namespace kinglet {

std::string StreamingDetokenizer::Push(int32_t id) {
  const absl::string_view bytes = joiner_.Next(id);
  pending_.append(bytes.data(), bytes.size());
  std::string result;
  size_t at = 0;
  while (at < pending_.size()) {
    const size_t valid = ValidUtf8Length(pending_, at);
    result.append(pending_, at, valid);
    at += valid;
    if (at >= pending_.size()) break;
    const Utf8Unit unit = ReadUtf8(pending_, at);
    if (unit.kind == Utf8Kind::kIncomplete) break;
    result.append(kReplacementCharacter);
    at += unit.length_bytes;
  }
  pending_.erase(0, at);
  return result;
}

std::string StreamingDetokenizer::Flush() {
  const bool cut_off = !pending_.empty();
  pending_.clear();
  return cut_off ? kReplacementCharacter : "";
}

}  // namespace kinglet
