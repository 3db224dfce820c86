// Reads a `.klbank` file. The format: loaders/klbank/README.md.
//
// Every number of the header is checked against the others and against the file before it is used;
// header, centroids and table are checked by their checksums, blocks are not (VerifyKlbank() reads
// them; a bank's reader checks each as it arrives). Memory: none but the mapping, whatever the file
// says. Time: one pass over centroids and table.
#ifndef KINGLET_LOADERS_KLBANK_KLBANK_READER_H_
#define KINGLET_LOADERS_KLBANK_KLBANK_READER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/memory_source.h"

namespace kinglet {

// Errors: NotFound; DataLoss says file, byte offset, expected, found and what to do; Unimplemented
// for a version of the future.
absl::StatusOr<std::unique_ptr<MemorySource>> ReadKlbank(absl::string_view path);

// Called after each block, denied ones included; `ok` says whether its bytes have the checksum of
// the table. level 1..p; generic blocks have `generic` set and id 0. False stops.
struct KlbankCheck {
  uint32_t level;
  uint64_t id;
  bool generic;
  bool ok;
  uint64_t offset;
  uint64_t done_bytes, total_bytes;
};
using KlbankCheckFunction = std::function<bool(const KlbankCheck&)>;

// Reads every present block. Returns how many are bad. Errors: Cancelled by `check`; DataLoss when
// the file was cut short meanwhile.
absl::StatusOr<uint64_t> VerifyKlbank(const MemorySource& bank, const KlbankCheckFunction& check);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_KLBANK_KLBANK_READER_H_
