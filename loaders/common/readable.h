// Whether the pages behind a range of a mapping can be read at all.
#ifndef KINGLET_LOADERS_COMMON_READABLE_H_
#define KINGLET_LOADERS_COMMON_READABLE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/base/mapped_file.h"

namespace kinglet {

// Touches each page of [offset, offset + bytes) of the file, cut at its end, under a fault guard: a
// disk error or a file that was cut short since it was opened is DataLoss here instead of a SIGBUS
// in the parser, which could not be left safely.
absl::Status CheckReadable(const MappedFile& file, uint64_t offset, uint64_t bytes);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_COMMON_READABLE_H_
