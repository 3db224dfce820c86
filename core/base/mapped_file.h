// A file mapped read-only, page by page on demand.
//
// The mapping outlives the file's name, not its truncation: pages that the file no longer backs
// raise SIGBUS when they are read. ContainFaults() and core/base/fault_guard.h turn the signal into
// an error.
#ifndef KINGLET_CORE_BASE_MAPPED_FILE_H_
#define KINGLET_CORE_BASE_MAPPED_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/fault_guard.h"

namespace kinglet {

// Thread safe after Open().
class MappedFile {
 public:
  // Errors: not found, not a regular file, no permission, the map was refused. An empty file maps
  // to size 0.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(absl::string_view path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  int64_t modified_ns() const { return modified_ns_; }  // when it was opened; since 1970

  // Gives back the resident pages that lie wholly within [offset, offset + bytes); reading them
  // again faults them in.
  void Discard(uint64_t offset, uint64_t bytes) const;
  // The same, and the system's cache forgets what of the range nobody else has mapped: for a
  // process that promised how much memory it causes to be used.
  void Forget(uint64_t offset, uint64_t bytes) const;
  // Copies bytes [offset, offset + bytes) to `to` without touching the mapping: a look here and there costs the pages that it
  // needs, where a fault in a mapping reads as far ahead as the system is set to (128 KiB to 8 MiB).
  // DataLoss when the file ends before, or cannot be read.
  absl::Status Peek(uint64_t offset, uint64_t bytes, void* to) const;
  // Reads of this range will jump about: no read-ahead, no neighbours mapped along.
  void AdviseRandom(uint64_t offset, uint64_t bytes) const;
  // From now on a page that the file no longer backs reads as zeros instead of raising SIGBUS, and
  // CheckIntact() tells: for mappings that kernels read on many threads. Call it once, before
  // those threads start.
  absl::Status ContainFaults();
  // DataLoss when a page was lost since ContainFaults(). Cheap enough for every token.
  absl::Status CheckIntact() const;
  // False when the file became shorter, or was written, since it was opened.
  bool StillBacked() const;

 private:
  MappedFile() = default;

  std::string path_;
  int descriptor_ = -1;
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
  int64_t modified_ns_ = 0;
  std::unique_ptr<FaultWatch> watch_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_MAPPED_FILE_H_
