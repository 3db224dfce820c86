// A vocabulary as a loader finds it in a model file, and the checks it has to pass before anything
// is built from it.
//
// VocabularyData is plain data and untrusted: a loader fills in what the file says and nothing
// more. ValidateVocabulary says whether the parts fit together; Tokenizer::Create
// (core/text/tokenizer.h) calls it. Field names follow the keys "tokenizer.ggml.*" of GGUF; a
// loader of another format translates.
#ifndef KINGLET_CORE_TEXT_VOCABULARY_H_
#define KINGLET_CORE_TEXT_VOCABULARY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kinglet {

// What a token is for. The values are those of "tokenizer.ggml.token_type".
enum class TokenKind : uint8_t {
  kNormal = 1,       // text
  kUnknown = 2,      // stands for text that the vocabulary cannot spell
  kControl = 3,      // structure, such as <|im_end|>: never part of the visible text
  kUserDefined = 4,  // text that is always one token wherever it occurs
  kUnused = 5,       // a hole in the numbering
  kByte = 6,         // one byte, spelled <0x0A>
};

struct VocabularyData {
  // "gpt2": byte-level BPE, ordered by `merges`. "llama": SentencePiece BPE, ordered by `scores`.
  std::string model;

  // Which pre-tokenizer splits the text before the merges (gpt2 only); empty means "default".
  std::string pre;
  // Instead of `pre`: the regular expressions of a tokenizer.json, each applied to the pieces of
  // the one before.
  std::vector<std::string> split_patterns;

  std::vector<std::string> tokens;  // by id; duplicates are allowed
  std::vector<float> scores;   // by id; "llama" merges by them (or by `merges`), else may be empty
  std::vector<int32_t> kinds;  // by id, TokenKind; empty: all are normal
  std::vector<std::string> merges;  // "left right", best first; needed by "gpt2"

  // -1: there is none.
  int32_t bos_id = -1;
  int32_t eos_id = -1;
  int32_t unknown_id = -1;
  int32_t padding_id = -1;
  std::vector<int32_t> extra_end_ids;  // end a turn as eos does (eot, eom ...)

  // Special tokens that swallow the white space before or after them (lstrip and rstrip of a
  // tokenizer.json).
  std::vector<int32_t> left_strip_ids;
  std::vector<int32_t> right_strip_ids;

  // Absent: the default of the tokenizer's family.
  std::optional<bool> add_bos;
  std::optional<bool> add_eos;
  std::optional<bool> add_space_prefix;
  std::optional<bool>
      ignore_merges;  // a piece that is a token as a whole is not merged from its bytes

  std::string chat_template;  // Jinja text; may be empty
};

// OK when the arrays have equal lengths, every id lies inside the vocabulary, every kind is known,
// byte tokens are spelled <0x00> to <0xFF>, and the parts that `model` needs are there. Empty
// vocabularies are refused.
absl::Status ValidateVocabulary(const VocabularyData& data);

// The byte that a byte token's text stands for ("<0x0A>": 10), or -1 when it is spelled in another
// way.
int ParseByteToken(const std::string& text);

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_VOCABULARY_H_
