// Writes a `.klbank` file, block by block: banks may be larger than memory.
//
//   KL_ASSIGN_OR_RETURN(auto writer, KlbankWriter::Create("facts.klbank", head, centroids));
//   for (...) KL_RETURN_IF_ERROR(writer->AddBlock(level, id, block, bytes));   // any order
//   KL_RETURN_IF_ERROR(writer->Commit());                                      // the file appears
//
// Blocks that were never added are absent: the bank is partial, and their room in the file is a
// hole that takes no storage. Memory: the table, 16 bytes a block. The format: README.md.
#ifndef KINGLET_LOADERS_KLBANK_KLBANK_WRITER_H_
#define KINGLET_LOADERS_KLBANK_KLBANK_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/atomic_file.h"
#include "core/model/memory_source.h"
#include "loaders/klbank/klbank_header.h"

namespace kinglet {

// What a bank is, without its blocks.
struct KlbankHead {
  MemoryShape shape;
  bool generic = false;  // room for one generic block a level
  uint64_t model_fingerprint = 0;
  uint64_t encoder_fingerprint = 0;
  std::string name;          // UTF-8, at most 63 bytes
  std::string encoder_file;  // base name, at most 127 bytes
};

// One thread at a time. Without Commit() nothing is left behind.
class KlbankWriter {
 public:
  // centroids: f32 [nodes][c], finite; only read by this call. Errors: InvalidArgument; the folder
  // cannot be written.
  static absl::StatusOr<std::unique_ptr<KlbankWriter>> Create(absl::string_view path,
                                                              const KlbankHead& head,
                                                              const float* centroids,
                                                              uint64_t centroid_count);

  const MemoryLayout& layout() const { return layout_; }

  // `bytes` must be the level's block; each block at most once. InvalidArgument otherwise.
  absl::Status AddBlock(uint32_t level, uint64_t id, const void* data, uint64_t bytes);
  absl::Status AddGeneric(uint32_t level, const void* data, uint64_t bytes);
  // Marks a node, added or not.
  absl::Status Deny(uint32_t level, uint64_t id);
  // Syncs the file and gives it its name.
  absl::Status Commit();

 private:
  KlbankWriter() = default;
  absl::Status FillHeader(const KlbankHead& head);
  absl::Status CheckNode(uint32_t level, uint64_t id) const;
  absl::Status Add(uint32_t level, uint64_t record, uint64_t offset, const void* data,
                   uint64_t bytes);

  std::string path_;
  MemoryLayout layout_;
  KlbankHeader header_ = {};
  std::vector<MemoryRecord> table_;
  std::unique_ptr<AtomicFile> file_;
};

}  // namespace kinglet

#endif  // KINGLET_LOADERS_KLBANK_KLBANK_WRITER_H_
