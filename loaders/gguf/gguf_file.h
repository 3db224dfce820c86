// One GGUF file, read and checked for itself.
//
//   magic "GGUF", version: u32, tensors: u64, entries: u64, the entries, the tensor list, the data
#ifndef KINGLET_LOADERS_GGUF_GGUF_FILE_H_
#define KINGLET_LOADERS_GGUF_GGUF_FILE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mapped_file.h"
#include "core/model/model_source.h"

namespace kinglet {

struct GgufFile {
  std::unique_ptr<MappedFile> file;
  Metadata metadata;
  std::vector<SourceTensor> tensors;  // point into `file`
};

// Whether a file that begins with `head` is GGUF, of either byte order.
bool HasGgufMagic(absl::string_view head);

// Versions 2 and 3, little-endian. DataLoss: the content breaks the format. Unimplemented: another
// version, byte order or tensor type. Every message names the file and the byte offset.
absl::StatusOr<GgufFile> ReadGgufFile(absl::string_view path);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_GGUF_GGUF_FILE_H_
