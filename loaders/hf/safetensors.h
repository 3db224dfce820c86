// One .safetensors file.
//
//   header length: u64; header: JSON object of that many bytes; data
//   header {"NAME": {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}, ...,
//   "__metadata__": {...}}
//
// Source: the format's description at huggingface.co/docs/safetensors. Gaps in the data and data
// that is not aligned load (the tensor stays mapped as it is); overlaps do not.
#ifndef KINGLET_LOADERS_HF_SAFETENSORS_H_
#define KINGLET_LOADERS_HF_SAFETENSORS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mapped_file.h"
#include "core/model/model_source.h"

namespace kinglet {

struct SafetensorsFile {
  std::unique_ptr<MappedFile> file;
  std::vector<SourceTensor>
      tensors;  // point into `file`; names as in the file, in the order of their data
};

// Whether a file that begins with `head` may be safetensors.
bool LooksLikeSafetensors(absl::string_view head);

// DataLoss: the content breaks the format. Unimplemented: an element type that Kinglet does not
// have.
absl::StatusOr<SafetensorsFile> ReadSafetensors(absl::string_view path);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_HF_SAFETENSORS_H_
