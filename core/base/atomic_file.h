// A file that appears whole or not at all.
//
// The bytes go to a temporary file in the same folder, which is synced and then renamed over the
// old one. Whatever fails (no space left, an error while syncing), the old file stays as it was.
#ifndef KINGLET_CORE_BASE_ATOMIC_FILE_H_
#define KINGLET_CORE_BASE_ATOMIC_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

// One thread at a time.
class AtomicFile {
 public:
  // The folder of `path` must exist and be writable.
  static absl::StatusOr<std::unique_ptr<AtomicFile>> Create(absl::string_view path);
  // Without a successful Commit(): removes the temporary file.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends. After an error every further call fails with the same error.
  absl::Status Write(const void* data, size_t bytes);
  absl::Status Write(absl::string_view text) { return Write(text.data(), text.size()); }
  // At an offset, which need not be the end; what is skipped reads as zeros and takes no storage
  // where the file system knows holes. Do not mix with Write().
  absl::Status WriteAt(uint64_t offset, const void* data, size_t bytes);
  // Cuts the file to this length, or lengthens it with a hole.
  absl::Status SetLength(uint64_t bytes);
  // Syncs and takes the file's place; nothing may be written afterwards.
  absl::Status Commit();

 private:
  AtomicFile() = default;
  absl::Status Fail(absl::string_view action, int error);

  std::string path_;
  std::string temporary_path_;
  int descriptor_ = -1;
  absl::Status status_;
};

// The whole of a small file at once.
absl::Status WriteFileAtomically(absl::string_view path, absl::string_view contents);

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_ATOMIC_FILE_H_
