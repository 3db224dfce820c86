// Splits text into the pieces that byte-level BPE works on: no merge crosses from one piece into
// the next.
//
// A pre-tokenizer is a list of regular expressions. The first cuts the text into its matches and
// what lies between them; each further one does the same to every piece of the one before, seeing
// nothing but that piece. The pieces, joined, are the text again.
//
// Thread safety: immutable; Split may be called from several threads at once.
#ifndef KINGLET_CORE_TEXT_PRE_TOKENIZER_H_
#define KINGLET_CORE_TEXT_PRE_TOKENIZER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

struct TextPiece {
  size_t start;  // both in bytes
  size_t length;
};

class PreTokenizer {
 public:
  // By name (`tokenizer.ggml.pre`); empty means "default". An unknown name is an error that lists
  // the known ones.
  static absl::StatusOr<std::unique_ptr<PreTokenizer>> FromName(absl::string_view name);

  // From regular expressions in the syntax of tokenizer.json, which are not trusted: matching one
  // has a bound on its steps.
  static absl::StatusOr<std::unique_ptr<PreTokenizer>> FromPatterns(
      const std::vector<std::string>& patterns);

  // "default, deepseek-coder, ...".
  static std::string KnownNames();

  ~PreTokenizer();

  // Appends the pieces of `text`, none of them empty, in order. Requires valid UTF-8. Fails only
  // when a pattern exceeds its bounds; `pieces` is then of no use.
  absl::Status Split(absl::string_view text, std::vector<TextPiece>* pieces) const;

  // Properties of the family that come with its name: whether a piece that is a token as a whole
  // skips the merges, and whether a beginning-of-text token is added when the file does not say.
  bool ignores_merges() const { return ignores_merges_; }
  bool adds_bos() const { return adds_bos_; }

 private:
  class Pattern;

  PreTokenizer();

  std::vector<std::unique_ptr<Pattern>> patterns_;
  bool ignores_merges_ = false;
  bool adds_bos_ = false;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_PRE_TOKENIZER_H_
