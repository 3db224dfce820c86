// tokenizer.json (and tokenizer_config.json) as VocabularyData.
//
// Two kinds of BPE are read: over bytes spelled as letters (GPT-2, Llama 3, Qwen), which becomes
// model "gpt2", and SentencePiece's with byte fallback (Llama 2, Mistral), which becomes model
// "llama", ordered by its merges.
//
// Source: the format of the Hugging Face tokenizers library. Normalisation to NFC is left to
// whoever makes the text, as readers of GGUF do.
#ifndef KINGLET_LOADERS_HF_HF_TOKENIZER_H_
#define KINGLET_LOADERS_HF_HF_TOKENIZER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/text/vocabulary.h"
#include "loaders/common/json_file.h"

namespace kinglet {

// What other files of the folder say about tokens.
struct HfTokenizerContext {
  const nlohmann::json* tokenizer_config = nullptr;  // NULL: no such file
  int64_t bos_id = -1;                               // of config.json
  std::vector<int64_t> eos_ids;                      // of generation_config.json and config.json
};

// `path` is for messages. DataLoss: not a tokenizer.json. Unimplemented: a model, normaliser or
// pre-tokenizer that is not known. The result has passed ValidateVocabulary().
absl::StatusOr<VocabularyData> TranslateHfTokenizer(absl::string_view path,
                                                    const nlohmann::json& tokenizer,
                                                    const HfTokenizerContext& context);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_HF_HF_TOKENIZER_H_
