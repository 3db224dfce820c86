#include "loaders/common/errors.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace kinglet {

std::string Quoted(absl::string_view bytes) {
  constexpr size_t kShownBytes = 64;
  if (bytes.size() <= kShownBytes) return absl::StrCat("\"", absl::Utf8SafeCHexEscape(bytes), "\"");
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(bytes.substr(0, kShownBytes)), "\"... (",
                      bytes.size(), " bytes)");
}

absl::Status Corrupt(absl::string_view path, uint64_t offset, absl::string_view expected,
                     absl::string_view found) {
  return Corrupt(path, absl::StrCat("at byte ", offset), expected, found);
}

absl::Status Corrupt(absl::string_view path, absl::string_view where, absl::string_view expected,
                     absl::string_view found) {
  return absl::DataLossError(
      absl::StrCat(path, ": ", where, ": expected ", expected, ", found ", found));
}

}  // namespace kinglet
