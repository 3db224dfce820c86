// Text to token ids and back, for one model's vocabulary.
//
//   auto tokenizer = Tokenizer::Create(std::move(source->vocabulary).value());     // checks
//   everything auto ids = (*tokenizer)->Encode("Hello, world", {});                           //
//   with BOS where the model wants it std::string text = (*tokenizer)->Decode(*ids, {});
//
// Text may hold any bytes. What is not valid UTF-8 is encoded byte by byte and comes back
// unchanged, as far as the vocabulary has tokens for all bytes.
//
// Ownership: Create takes the vocabulary. Thread safety: immutable; every method may be called from
// several threads at once.
#ifndef KINGLET_CORE_TEXT_TOKENIZER_H_
#define KINGLET_CORE_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/text/special_tokens.h"
#include "core/text/subword_encoder.h"
#include "core/text/vocabulary.h"

namespace kinglet {

// A stretch of a prompt. `parse_special` says that the stretch is trusted: structural tokens
// written in it, such as <|im_end|>, become tokens. In text that a user typed they stay plain
// characters.
struct TextSegment {
  std::string text;
  bool parse_special = false;

  bool operator==(const TextSegment& other) const {
    return text == other.text && parse_special == other.parse_special;
  }
};

struct EncodeOptions {
  bool add_special = true;    // BOS before and EOS behind, where the vocabulary asks for them
  bool parse_special = true;  // for Encode; EncodeSegments takes it from each segment
  // False when the text goes on where another one ended: no BOS and no space prefix before it.
  bool at_start = true;
};

struct DecodeOptions {
  bool render_special = false;  // shows structural tokens as their text instead of leaving them out
  bool at_start = true;         // false when other text comes before: the space prefix is kept
};

class Tokenizer {
 public:
  // The error says which part of the vocabulary does not fit, what was expected and what to do.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Create(VocabularyData data);

  // Longer texts are refused. Offsets inside fit 32 bits with room to spare.
  static constexpr size_t kLongestTextBytes = size_t{256} << 20;

  // Fails when the text is too long or the vocabulary cannot spell it. A BOS that the text itself
  // begins with is not doubled.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text,
                                              const EncodeOptions& options) const;

  // As the joined text, tokens reaching over the borders included, but each segment decides on its
  // structural tokens.
  absl::StatusOr<std::vector<int32_t>> EncodeSegments(absl::Span<const TextSegment> segments,
                                                      const EncodeOptions& options) const;

  // The bytes a token stands for: maybe part of a character, maybe none (structural tokens unless
  // `render_special`). Empty for an id outside the vocabulary.
  absl::string_view TokenBytes(int32_t id, bool render_special) const;

  // The whole text; takes away the space prefix that Encode put there. Bytes as they are: see
  // ReplaceInvalidUtf8.
  std::string Decode(absl::Span<const int32_t> ids, const DecodeOptions& options) const;

  int32_t vocabulary_size() const { return static_cast<int32_t>(kinds_.size()); }
  bool IsValid(int32_t id) const { return id >= 0 && id < vocabulary_size(); }
  // Requires IsValid(id).
  const std::string& TokenText(int32_t id) const { return data_.tokens[id]; }
  TokenKind Kind(int32_t id) const { return kinds_[id]; }

  // Whether generation stops at this token (end of text, end of turn ...).
  bool IsEnd(int32_t id) const { return IsValid(id) && is_end_[id]; }
  // Ascending.
  const std::vector<int32_t>& end_ids() const { return end_ids_; }

  // -1: there is none.
  int32_t bos_id() const { return data_.bos_id; }
  int32_t eos_id() const { return data_.eos_id; }
  int32_t unknown_id() const { return data_.unknown_id; }
  int32_t padding_id() const { return data_.padding_id; }
  bool adds_bos() const { return adds_bos_; }
  bool adds_eos() const { return adds_eos_; }
  // Whether a space goes before a text and after each special token.
  bool adds_space_prefix() const { return adds_space_prefix_; }

  // The control or user-defined token spelled exactly so.
  std::optional<int32_t> FindSpecial(absl::string_view text) const;

  // "gpt2" or "llama"; the name of the pre-tokenizer; the file's Jinja text, maybe empty.
  const std::string& model() const { return data_.model; }
  const std::string& pre() const { return data_.pre; }
  const std::string& chat_template() const { return data_.chat_template; }

 private:
  struct Strip {
    bool left = false;
    bool right = false;
  };

  explicit Tokenizer(VocabularyData data);

  void SetKinds();
  void SetEnds();
  void SetStrips();
  void SetBytes();
  void SetSpecials();

  absl::Status EncodeText(absl::string_view text, const std::vector<size_t>& segment_ends,
                          absl::Span<const TextSegment> segments, bool at_start,
                          std::vector<int32_t>* ids) const;
  absl::Status EncodePlain(absl::string_view text, bool prefix, std::vector<int32_t>* ids) const;

  VocabularyData data_;
  std::vector<TokenKind> kinds_;  // by id
  std::vector<bool> is_end_;      // by id
  std::vector<int32_t> end_ids_;
  std::vector<Strip> strips_;         // by id
  std::string bytes_;                 // what the tokens stand for, one after the other
  std::vector<size_t> byte_offsets_;  // by id, and the end
  SpecialTokens specials_;
  std::unique_ptr<SubwordEncoder> subwords_;
  bool adds_bos_ = false;
  bool adds_eos_ = false;
  bool adds_space_prefix_ = false;
};

// Joins the bytes of tokens that come one after the other, without the spaces that encoding added.
// Not thread safe.
class TokenJoiner {
 public:
  // `tokenizer` must outlive it.
  TokenJoiner(const Tokenizer* tokenizer, const DecodeOptions& options);

  // What the next token adds. Valid as long as the tokenizer.
  absl::string_view Next(int32_t id);

 private:
  const Tokenizer* tokenizer_;
  bool render_special_;
  bool strip_space_;  // the next token's first space is the space prefix
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_TOKENIZER_H_
