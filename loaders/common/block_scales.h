// Looking for scales that are no numbers in block-quantised weights.
#ifndef KINGLET_LOADERS_COMMON_BLOCK_SCALES_H_
#define KINGLET_LOADERS_COMMON_BLOCK_SCALES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/model/model_source.h"

namespace kinglet {

// DataLoss, naming tensor, block and file offset, when an f16 scale of the checked blocks is NaN or
// infinite: one such scale makes every output of the model NaN. Types without scales are OK.
// Checks the first and the last `edge_bytes` of the tensor, rounded up to blocks; UINT64_MAX: all.
// Speed: memory bandwidth. Edges are read beside the mapping (MappedFile::Peek); what is checked as
// a whole becomes resident.
absl::Status ValidateScales(const SourceTensor& tensor, uint64_t edge_bytes = UINT64_MAX);

// All tensors, as is done at load: whole when the files together are small (64 MiB: a few
// milliseconds), else a page at both ends of each, since reading gigabytes would undo the mapping.
absl::Status ValidateScales(const ModelSource& source);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_COMMON_BLOCK_SCALES_H_
