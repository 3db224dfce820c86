#include "loaders/gguf/gguf_reader.h"

#include <algorithm>

#include "loaders/common/readable.h"

namespace kinglet {

absl::Status GgufReader::Need(uint64_t bytes, absl::string_view what) {
  if (bytes > remaining()) {
    return Expected(
        offset_, absl::StrCat(what, ", ", bytes, " bytes"),
        absl::StrCat("the end of the file after ", remaining(), "; is the download complete?"));
  }
  if (offset_ + bytes > readable_end_) {
    // Far enough ahead that a fault guard is entered rarely, not so far that tensor data is read
    // in.
    constexpr uint64_t kAheadBytes = 256 * 1024;
    const uint64_t end = std::min(file_.size(), offset_ + bytes + kAheadBytes);
    KL_RETURN_IF_ERROR(CheckReadable(file_, readable_end_, end - readable_end_));
    readable_end_ = end;
  }
  return absl::OkStatus();
}

}  // namespace kinglet
