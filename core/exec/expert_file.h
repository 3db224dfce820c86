// The file that `kinglet prepare` writes: every expert of a model as one record, packed as this machine's kernels want it.
//
//   header   4 KiB: magic "KLEXPERT", version, fingerprint of the model, of the layout, count of records, checksum
//   records  each at a multiple of 4 KiB, in order of their ids
//   index    for each record: offset and checksum (kl_checksum64 of its bytes); then the index's own checksum
//
// One read of one aligned block an expert, in place of three, and nothing left to pack: see ExpertSource. Little-endian.
#ifndef KINGLET_CORE_EXEC_EXPERT_FILE_H_
#define KINGLET_CORE_EXEC_EXPERT_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/exec/expert_layout.h"
#include "core/exec/weight_store.h"

namespace kinglet {

struct ExpertFileIndex {
  std::vector<uint64_t> offsets;  // by record
  std::vector<uint64_t> checksums;
};

// "model.gguf" -> "model.gguf.experts": where WriteExpertFile() writes and a model looks unless told otherwise.
std::string ExpertFileBeside(const std::string& model_path);

// Header and index, checked against the model and its layout; of the records only that the file is long enough for them.
// Errors: NotFound; DataLoss and VersionMismatch say what was found and to run `kinglet prepare` again.
absl::StatusOr<ExpertFileIndex> ReadExpertFile(const ExpertLayout& layout, const std::string& path,
                                               uint64_t fingerprint);

// Packs and writes all experts; the file appears whole or not at all. Keeps one expert in memory at a time. Returns the
// file's bytes. Errors: cancelled by `progress`, a disk that is full, a model whose experts cannot be taken out.
absl::StatusOr<uint64_t> WriteExpertFile(const ExpertLayout& layout, const std::string& path, uint64_t fingerprint,
                                         const ProgressFunction& progress);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_FILE_H_
