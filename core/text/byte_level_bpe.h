// Byte-level BPE (model "gpt2"): the text's bytes are the first symbols, and a ranked list says
// which pairs merge.
//
//   text -> pre-tokenizer -> pieces -> for each piece: bytes -> merges -> tokens
//
// Text that is not valid UTF-8 is cut where it stops being so; the bytes of each invalid stretch
// are a piece of their own and pass through the byte alphabet like all others. No byte is lost or
// changed.
//
// Source: GPT-2's encoder.py (Radford et al. 2019).
#ifndef KINGLET_CORE_TEXT_BYTE_LEVEL_BPE_H_
#define KINGLET_CORE_TEXT_BYTE_LEVEL_BPE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/subword_encoder.h"
#include "core/text/vocabulary.h"

namespace kinglet {

class ByteLevelBpe : public SubwordEncoder {
 public:
  // Requires a validated vocabulary; `kinds` holds one kind for each token. Nothing of `data` is
  // kept.
  static absl::StatusOr<std::unique_ptr<ByteLevelBpe>> Create(const VocabularyData& data,
                                                              const std::vector<TokenKind>& kinds);

  absl::Status Encode(absl::string_view text, std::vector<int32_t>* ids) const override;

  bool adds_bos() const { return pre_tokenizer_->adds_bos(); }

 private:
  class Rule;
  struct Merge {
    int32_t rank;
    int32_t merged;
  };

  ByteLevelBpe() = default;

  void BuildMerges(const VocabularyData& data, const std::vector<TokenKind>& kinds);

  std::unique_ptr<PreTokenizer> pre_tokenizer_;
  // Symbols are numbered as the tokens, and from token_count_ on for spellings that only merges
  // mention.
  int32_t token_count_ = 0;
  std::array<int32_t, 256> byte_symbols_;  // by byte
  std::array<int32_t, 256> byte_tokens_;   // by byte; the unknown token or -1 where there is none
  // The token of symbol i is i for i < token_count_; other symbols are none and fall apart into
  // bytes.
  absl::flat_hash_map<uint64_t, Merge> merges_;  // by left symbol << 32 | right symbol
  // By text, for vocabularies in which a whole piece skips the merges; else empty.
  absl::flat_hash_map<std::string, int32_t> whole_pieces_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_BYTE_LEVEL_BPE_H_
