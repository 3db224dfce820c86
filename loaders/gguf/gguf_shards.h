// A model in several GGUF files: NAME-00001-of-00003.gguf, ...
//
// The first file holds the metadata, each holds split.no (from 0), split.count and
// split.tensors.count.
#ifndef KINGLET_LOADERS_GGUF_GGUF_SHARDS_H_
#define KINGLET_LOADERS_GGUF_GGUF_SHARDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "loaders/gguf/gguf_file.h"

namespace kinglet {

// The name of the shard `index` (from 0) of the set that `path` belongs to; InvalidArgument when
// path does not end in -NNNNN-of-MMMMM.gguf with MMMMM = `count`.
absl::StatusOr<std::string> GgufShardPath(absl::string_view path, int64_t index, int64_t count);

// The further files of the model whose first file is `first`; none when it is the only one.
// Refused: a later shard given as the first, a shard that is missing, misplaced or of another
// model, a count of tensors that does not add up.
absl::StatusOr<std::vector<GgufFile>> ReadFurtherGgufShards(const GgufFile& first);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_GGUF_GGUF_SHARDS_H_
