// Fills the tensors of a GGUF file, many threads, the same bytes for any number of them.
#ifndef KINGLET_TOOLS_MAKE_MODEL_GENERATE_H_
#define KINGLET_TOOLS_MAKE_MODEL_GENERATE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "tools/common/gguf_writer.h"
#include "tools/make_model/weights.h"

namespace kinglet::tools {

// Called from one thread at a time; false stops with kExitInterrupted.
using GenerateProgress = std::function<bool(uint64_t done_bytes, uint64_t total_bytes)>;

// `indices[i]` is the writer's number for `tensors[i]`; the writer has begun. Memory in use: a few
// MB a thread, or one expert's matrix where that is larger.
Failure GenerateWeights(const std::vector<TensorPlan>& tensors, const std::vector<size_t>& indices,
                        uint64_t seed, int thread_count, const GenerateProgress& progress,
                        GgufWriter* writer);

// One piece of a tensor: `rows` rows from `first_row`, counting all outer dimensions as one. A
// by_expert tensor has pieces of one expert each.
void GenerateRows(const TensorPlan& tensor, uint64_t seed, int64_t first_row, int64_t rows,
                  std::vector<uint8_t>* out);
// Rows that one piece has (the last may have fewer).
int64_t RowsOfPiece(const TensorPlan& tensor);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_MODEL_GENERATE_H_
