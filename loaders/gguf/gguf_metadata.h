// The key-value part of a GGUF file.
//
//   entry  key: string (u64 length, bytes), type: u32, value
//   array  element type: u32, length: u64, elements; never an array of arrays here
//
// Source: the GGUF specification (docs/gguf.md of ggml), versions 2 and 3.
#ifndef KINGLET_LOADERS_GGUF_GGUF_METADATA_H_
#define KINGLET_LOADERS_GGUF_GGUF_METADATA_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/model/model_source.h"
#include "loaders/gguf/gguf_reader.h"

namespace kinglet {

// The least an entry can take: length and one byte of key, type, one byte of value.
inline constexpr uint64_t kGgufEntryBytes = 8 + 1 + 4 + 1;

// Reads `count` entries. Keys are unique and 1 to 65,535 bytes long; a bool is 0 or 1; integers fit
// int64.
absl::Status ReadGgufMetadata(GgufReader* reader, uint64_t count, Metadata* metadata);

// general.alignment, or 32: a power of two from 8 to 2 MiB.
absl::StatusOr<uint64_t> GgufAlignment(absl::string_view path, const Metadata& metadata);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_GGUF_GGUF_METADATA_H_
