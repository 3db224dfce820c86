// Whether a model's metadata and tensors make sense together, whatever the format they came in.
//
// A parser knows that bytes are well formed. This is what no byte offset shows: no blocks,
// key/value heads that do not divide the heads, experts that are missing. Shapes of single weights
// are checked where a plan asks for them.
#ifndef KINGLET_LOADERS_COMMON_SEMANTIC_CHECKS_H_
#define KINGLET_LOADERS_COMMON_SEMANTIC_CHECKS_H_

#include "absl/status/status.h"
#include "core/model/model_source.h"

namespace kinglet {

// For a complete source with an architecture; keys that are absent are not missed here (the
// architecture asks for what it needs), except that a model with blocks says how many. Errors are
// DataLoss and name file and key.
absl::Status CheckSemantics(const ModelSource& source);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_COMMON_SEMANTIC_CHECKS_H_
