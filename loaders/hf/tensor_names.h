// Names of a Hugging Face checkpoint's tensors in GGUF's convention.
#ifndef KINGLET_LOADERS_HF_TENSOR_NAMES_H_
#define KINGLET_LOADERS_HF_TENSOR_NAMES_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace kinglet {

// "model.layers.3.self_attn.q_proj.weight" is "blk.3.attn_q.weight"; experts one by one are
// "blk.3.ffn_up.7.weight". Empty: a tensor that is no weight (precomputed angles of RoPE). Nothing:
// a name that is not known.
std::optional<std::string> GgufTensorName(absl::string_view name);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_HF_TENSOR_NAMES_H_
