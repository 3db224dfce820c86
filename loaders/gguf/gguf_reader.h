// A cursor over the bytes of a GGUF file that never reads past the end.
#ifndef KINGLET_LOADERS_GGUF_GGUF_READER_H_
#define KINGLET_LOADERS_GGUF_GGUF_READER_H_

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/mapped_file.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {

// Numbers are little-endian, as is every machine that Kinglet runs on. One thread.
class GgufReader {
 public:
  explicit GgufReader(const MappedFile& file) : file_(file) {}

  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return file_.size() - offset_; }

  // `what` goes into the error: "the number of tensors".
  template <typename T>
  absl::StatusOr<T> Read(absl::string_view what) {
    KL_RETURN_IF_ERROR(Need(sizeof(T), what));
    T value;
    std::memcpy(&value, file_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return value;
  }

  // A 64-bit length and that many bytes; a view into the mapping.
  absl::StatusOr<absl::string_view> ReadString(absl::string_view what) {
    const uint64_t start = offset_;
    KL_ASSIGN_OR_RETURN(const uint64_t length, Read<uint64_t>(what));
    if (length > remaining()) {
      return Expected(
          start, absl::StrCat(what, ", at most ", remaining(), " bytes to the end of the file"),
          absl::StrCat("a length of ", length));
    }
    KL_RETURN_IF_ERROR(Need(length, what));
    const absl::string_view text(reinterpret_cast<const char*>(file_.data() + offset_), length);
    offset_ += length;
    return text;
  }

  // A count of records that take at least `record_bytes` each: more than fit the rest of the file
  // are refused before anything is allocated for them.
  absl::StatusOr<uint64_t> ReadCount(uint64_t record_bytes, absl::string_view what) {
    const uint64_t start = offset_;
    KL_ASSIGN_OR_RETURN(const uint64_t count, Read<uint64_t>(what));
    KL_RETURN_IF_ERROR(CheckCount(start, count, record_bytes, what));
    return count;
  }

  absl::Status CheckCount(uint64_t start, uint64_t count, uint64_t record_bytes,
                          absl::string_view what) const {
    if (count <= remaining() / record_bytes) return absl::OkStatus();
    return Expected(
        start,
        absl::StrCat(what, ", at most ", remaining() / record_bytes, " in the rest of the file"),
        absl::StrCat(count));
  }

  absl::Status Expected(uint64_t at, absl::string_view expected, absl::string_view found) const {
    return Corrupt(file_.path(), at, expected, found);
  }

 private:
  // OK when `bytes` more can be read. Keeps the checked part of the mapping ahead of the cursor.
  absl::Status Need(uint64_t bytes, absl::string_view what);

  const MappedFile& file_;
  uint64_t offset_ = 0;
  uint64_t readable_end_ = 0;
};

}  // namespace kinglet

#endif  // KINGLET_LOADERS_GGUF_GGUF_READER_H_
