// The tensor list of a GGUF file, and where its data lies.
//
//   entry  name: string of 1 to 63 bytes, dimensions: u32 of 1 to 4, extents: u64 each (innermost
//   first),
//          type: u32, offset: u64 from the start of the data, a multiple of the alignment
//   data   starts at the next multiple of the alignment after the list
#ifndef KINGLET_LOADERS_GGUF_GGUF_TENSORS_H_
#define KINGLET_LOADERS_GGUF_GGUF_TENSORS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/base/mapped_file.h"
#include "core/model/model_source.h"
#include "loaders/gguf/gguf_reader.h"

namespace kinglet {

// The least an entry can take: a one-byte name, one dimension.
inline constexpr uint64_t kGgufTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

// Reads `count` entries and checks them: names unique, types known, rows of whole blocks, data
// inside of the file, aligned, and no byte in two tensors. Time: count * log(count).
absl::Status ReadGgufTensors(const MappedFile& file, GgufReader* reader, uint64_t count,
                             uint64_t alignment, std::vector<SourceTensor>* tensors);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_GGUF_GGUF_TENSORS_H_
