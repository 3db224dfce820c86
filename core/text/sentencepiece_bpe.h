// SentencePiece BPE (model "llama"): characters are the first symbols, and the pair whose joint
// text is the token with the highest score merges first.
//
//   text -> spaces become U+2581 -> characters -> merges -> tokens; what is no token falls back to
//   bytes <0xNN>
//
// Bytes that are not valid UTF-8 are symbols of one byte each and fall back to their byte tokens;
// no byte is lost. A vocabulary without byte tokens spells what it does not know with its unknown
// token.
//
// The space prefix that such vocabularies put before a text is the caller's business (Tokenizer).
//
// Source: Kudo and Richardson 2018; bpe_model.cc of SentencePiece.
#ifndef KINGLET_CORE_TEXT_SENTENCEPIECE_BPE_H_
#define KINGLET_CORE_TEXT_SENTENCEPIECE_BPE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/text/subword_encoder.h"
#include "core/text/vocabulary.h"

namespace kinglet {

// U+2581, what a space is spelled as.
inline constexpr char kSpaceMark[] = "\xE2\x96\x81";
inline constexpr size_t kSpaceMarkBytes = sizeof(kSpaceMark) - 1;

class SentencePieceBpe : public SubwordEncoder {
 public:
  // Requires a validated vocabulary that outlives the result; `kinds` holds one kind for each
  // token.
  static absl::StatusOr<std::unique_ptr<SentencePieceBpe>> Create(
      const VocabularyData* data, const std::vector<TokenKind>& kinds);

  absl::Status Encode(absl::string_view text, std::vector<int32_t>* ids) const override;

 private:
  class Rule;

  SentencePieceBpe() = default;

  void ScoresFromMerges(const VocabularyData& data);
  // The end of the word that starts at escaped[start]: words are merged one by one where no token
  // crosses them.
  size_t WordEnd(absl::string_view escaped, size_t start) const;

  absl::flat_hash_map<absl::string_view, int32_t> token_ids_;  // by text; what merges may produce
  std::vector<float> scores_;                                  // by id
  std::array<int32_t, 256> byte_tokens_;                       // by byte; -1: none
  int32_t unknown_id_ = -1;
  size_t longest_token_bytes_ = 0;
  bool tokens_cross_words_ = false;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_SENTENCEPIECE_BPE_H_
