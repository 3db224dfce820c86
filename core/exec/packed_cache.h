// Packed weights kept in a file, so that the next load maps them instead of packing them anew.
//
//   0    magic, version, sizes, checksum of all of the header
//   64   contents: text that says for which model, plugins, kernels and layouts this is
//        checksums of the payload, one a MiB
//        zeros up to a whole page
//   ...  payload: the packed copy as WeightStore places it, page-aligned
//
// The file is of this machine's making and for this machine: numbers are in native byte order. It
// is used only if its contents are, byte for byte, those that the loading model expects, and all
// checksums are right: the check reads the payload once, on all threads, which also brings it into
// the page tables. It is written whole or not at all.
#ifndef KINGLET_CORE_EXEC_PACKED_CACHE_H_
#define KINGLET_CORE_EXEC_PACKED_CACHE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/log.h"
#include "core/base/mapped_file.h"
#include "core/plugin/host.h"

namespace kinglet {

// Returns false to stop.
using ProgressFunction = std::function<bool(const char* stage, uint64_t done, uint64_t total)>;

struct PackedCacheOptions {
  std::string path;
  // What the packed weights follow from besides the kernels: the model's file and the plugins, one
  // line each.
  std::string identity;
  const Log* log = nullptr;  // may be NULL
};

// A mapped cache that was found fit. Immutable; thread safe.
class PackedCache {
 public:
  // Errors: NotFound; FailedPrecondition for a file of other contents (names the first line that
  // differs); DataLoss for a damaged one.
  static absl::StatusOr<std::unique_ptr<PackedCache>> Open(const std::string& path, const std::string& contents,
                                                           uint64_t payload_bytes,
                                                           const ParallelForFunction& parallel_for);

  // Errors: the folder cannot be written, no space (nothing is left behind), cancelled by
  // `progress`.
  static absl::Status Write(const std::string& path, const std::string& contents, const uint8_t* payload,
                            uint64_t payload_bytes, const ParallelForFunction& parallel_for,
                            const ProgressFunction& progress);

  const uint8_t* data() const { return data_; }  // 64-byte aligned
  // DataLoss when a page could not be read since Open().
  absl::Status CheckIntact() const { return file_->CheckIntact(); }

 private:
  PackedCache(std::unique_ptr<MappedFile> file, const uint8_t* data) : file_(std::move(file)), data_(data) {}

  const std::unique_ptr<MappedFile> file_;
  const uint8_t* const data_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PACKED_CACHE_H_
