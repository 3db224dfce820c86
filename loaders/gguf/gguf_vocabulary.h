// The keys tokenizer.* of a GGUF file as VocabularyData.
#ifndef KINGLET_LOADERS_GGUF_GGUF_VOCABULARY_H_
#define KINGLET_LOADERS_GGUF_GGUF_VOCABULARY_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/model_source.h"
#include "core/text/vocabulary.h"

namespace kinglet {

// Nothing when the file has no tokenizer, or names its tokens without saying how text becomes
// tokens (model "llama" without scores and merges, as files of random weights have): such a model
// takes token ids. DataLoss: a key of a wrong type, arrays of unequal length, an id outside of the
// vocabulary.
absl::StatusOr<std::optional<VocabularyData>> ReadGgufVocabulary(absl::string_view path,
                                                                 const Metadata& metadata);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_GGUF_GGUF_VOCABULARY_H_
