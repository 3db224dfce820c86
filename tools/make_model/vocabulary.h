// The tokenizer that goes into a made model: a small one that is built in, or a given file's.
#ifndef KINGLET_TOOLS_MAKE_MODEL_VOCABULARY_H_
#define KINGLET_TOOLS_MAKE_MODEL_VOCABULARY_H_

#include <cstdint>
#include <string>

#include "tools/common/gguf_writer.h"

namespace kinglet::tools {

// Byte-level BPE: the 256 bytes, common English pairs, ChatML's special tokens, then filler words
// up to `token_count`, with a ChatML template. Tokens below the size of all but the filler are
// refused.
Failure AddEmbeddedTokenizer(int64_t token_count, GgufWriter* writer);

// The smallest vocabulary that AddEmbeddedTokenizer takes.
int64_t EmbeddedTokenizerMinimum();

// Copies every "tokenizer." entry of a GGUF file; *token_count is the length of its token list.
Failure CopyTokenizer(const std::string& path, GgufWriter* writer, int64_t* token_count);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_MODEL_VOCABULARY_H_
