// Reads a `.klbank` file. The format: loaders/klbank/README.md.
//
// Every number of the header is checked against the others and against the file before it is used;
// header, centroids and table are checked by their checksums, blocks are not (klbank_verify.h reads
// them; a bank checks each as it arrives). Memory: none but the mapping, whatever the file
// says. Time: one pass over centroids and table.
#ifndef KINGLET_LOADERS_KLBANK_KLBANK_READER_H_
#define KINGLET_LOADERS_KLBANK_KLBANK_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/memory_source.h"

namespace kinglet {

// Errors: NotFound; DataLoss says file, byte offset, expected, found and what to do; Unimplemented
// for a version of the future.
absl::StatusOr<std::unique_ptr<MemorySource>> ReadKlbank(absl::string_view path);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_KLBANK_KLBANK_READER_H_
