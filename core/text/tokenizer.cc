#include "core/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/status.h"
#include "core/text/byte_alphabet.h"
#include "core/text/byte_level_bpe.h"
#include "core/text/sentencepiece_bpe.h"
#include "core/text/token_names.h"

namespace kinglet {
namespace {

bool IsAsciiSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

bool IsStructural(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

// Whether the token is part of the text that a reader sees.
bool IsVisible(TokenKind kind) {
  return kind == TokenKind::kNormal || kind == TokenKind::kUserDefined || kind == TokenKind::kByte;
}

}  // namespace

Tokenizer::Tokenizer(VocabularyData data) : data_(std::move(data)) {}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create(VocabularyData data) {
  KL_RETURN_IF_ERROR(ValidateVocabulary(data));
  auto tokenizer = absl::WrapUnique(new Tokenizer(std::move(data)));
  tokenizer->SetKinds();

  VocabularyData& vocabulary = tokenizer->data_;
  const bool sentencepiece = vocabulary.model == "llama";
  bool family_adds_bos = sentencepiece;
  if (sentencepiece) {
    KL_ASSIGN_OR_RETURN(tokenizer->subwords_,
                        SentencePieceBpe::Create(&vocabulary, tokenizer->kinds_));
  } else {
    KL_ASSIGN_OR_RETURN(std::unique_ptr<ByteLevelBpe> bpe,
                        ByteLevelBpe::Create(vocabulary, tokenizer->kinds_));
    family_adds_bos = bpe->adds_bos();
    tokenizer->subwords_ = std::move(bpe);
  }
  tokenizer->adds_bos_ = vocabulary.bos_id >= 0 && vocabulary.add_bos.value_or(family_adds_bos);
  tokenizer->adds_eos_ = vocabulary.eos_id >= 0 && vocabulary.add_eos.value_or(false);
  tokenizer->adds_space_prefix_ = sentencepiece && vocabulary.add_space_prefix.value_or(true);
  tokenizer->SetEnds();
  tokenizer->SetStrips();
  tokenizer->SetBytes();
  tokenizer->SetSpecials();
  // Only needed to build the encoder.
  vocabulary.merges = {};
  vocabulary.scores = {};
  vocabulary.kinds = {};
  return tokenizer;
}

void Tokenizer::SetKinds() {
  const size_t count = data_.tokens.size();
  kinds_.assign(count, TokenKind::kNormal);
  for (size_t id = 0; id < count; id++) {
    const std::string& text = data_.tokens[id];
    TokenKind& kind = kinds_[id];
    if (data_.kinds.empty()) {
      // SentencePiece files without types: the spellings are conventional.
      if (data_.model == "llama" && ParseByteToken(text) >= 0) kind = TokenKind::kByte;
      if (data_.model == "llama" && text == "<unk>") kind = TokenKind::kUnknown;
      if (text == "<s>" || text == "</s>") kind = TokenKind::kControl;
    } else if (data_.kinds[id] != 0) {
      kind = static_cast<TokenKind>(data_.kinds[id]);
    }
    // Some converters mark structural tokens as text; then a user could type them.
    const bool text_kind = kind == TokenKind::kNormal || kind == TokenKind::kUserDefined;
    if (text_kind && LooksStructural(text)) kind = TokenKind::kControl;
  }
  const auto first_of = [&](TokenKind kind, absl::string_view text) {
    for (size_t id = 0; id < count; id++) {
      if (kinds_[id] == kind && (text.empty() || data_.tokens[id] == text)) {
        return static_cast<int32_t>(id);
      }
    }
    return -1;
  };
  if (data_.unknown_id < 0) data_.unknown_id = first_of(TokenKind::kUnknown, "");
  if (data_.model == "llama") {
    if (data_.bos_id < 0) data_.bos_id = first_of(TokenKind::kControl, "<s>");
    if (data_.eos_id < 0) data_.eos_id = first_of(TokenKind::kControl, "</s>");
  }
}

void Tokenizer::SetEnds() {
  is_end_.assign(kinds_.size(), false);
  if (data_.eos_id >= 0) is_end_[data_.eos_id] = true;
  for (int32_t id : data_.extra_end_ids) is_end_[id] = true;
  for (size_t id = 0; id < kinds_.size(); id++) {
    if (kinds_[id] == TokenKind::kControl && EndsATurn(data_.tokens[id])) is_end_[id] = true;
    if (is_end_[id]) end_ids_.push_back(static_cast<int32_t>(id));
  }
}

void Tokenizer::SetStrips() {
  strips_.assign(kinds_.size(), Strip());
  for (int32_t id : data_.left_strip_ids) strips_[id].left = true;
  for (int32_t id : data_.right_strip_ids) strips_[id].right = true;
  if (data_.model != "llama" || !data_.right_strip_ids.empty()) return;
  // Phi-3 was trained with tokens that swallow the line break behind them; its GGUF files do not
  // say so.
  const auto has = [&](absl::string_view text) {
    return std::find(data_.tokens.begin(), data_.tokens.end(), text) != data_.tokens.end();
  };
  if (!has("<|placeholder1|>") || !has("<|assistant|>")) return;
  for (size_t id = 0; id < kinds_.size(); id++) {
    const std::string& text = data_.tokens[id];
    strips_[id].right =
        kinds_[id] == TokenKind::kControl && text != "<s>" && text != "<|endoftext|>";
  }
}

void Tokenizer::SetBytes() {
  const bool byte_level = data_.model == "gpt2";
  byte_offsets_.reserve(kinds_.size() + 1);
  for (size_t id = 0; id < kinds_.size(); id++) {
    byte_offsets_.push_back(bytes_.size());
    const std::string& text = data_.tokens[id];
    const TokenKind kind = kinds_[id];
    if (kind == TokenKind::kByte) {
      bytes_.push_back(static_cast<char>(ParseByteToken(text)));
    } else if (byte_level && kind == TokenKind::kNormal) {
      bytes_.append(BytesFromAlphabet(text));
    } else if (!byte_level && IsVisible(kind)) {
      bytes_.append(absl::StrReplaceAll(text, {{kSpaceMark, " "}}));
    } else {
      bytes_.append(text);
    }
  }
  byte_offsets_.push_back(bytes_.size());
}

void Tokenizer::SetSpecials() {
  for (size_t id = 0; id < kinds_.size(); id++) {
    if (IsStructural(kinds_[id]) || kinds_[id] == TokenKind::kUserDefined) {
      specials_.Add(data_.tokens[id], static_cast<int32_t>(id), IsStructural(kinds_[id]));
    }
  }
}

std::optional<int32_t> Tokenizer::FindSpecial(absl::string_view text) const {
  if (text.empty()) return std::nullopt;
  const SpecialTokens::Match match = specials_.Find(text, 0, text.size());
  if (match.id < 0 || match.length != text.size()) return std::nullopt;
  return match.id;
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(absl::string_view text,
                                                       const EncodeOptions& options) const {
  const TextSegment segment = {std::string(text), options.parse_special};
  return EncodeSegments({segment}, options);
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::EncodeSegments(
    absl::Span<const TextSegment> segments, const EncodeOptions& options) const {
  std::string text;
  std::vector<size_t> segment_ends;
  for (const TextSegment& segment : segments) {
    if (segment.text.size() > kLongestTextBytes - text.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tokenizer: the text is longer than ", kLongestTextBytes, " bytes; encode it in parts"));
    }
    text.append(segment.text);
    segment_ends.push_back(text.size());
  }

  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 4);
  const bool add_bos = options.add_special && options.at_start && adds_bos_;
  if (add_bos) ids.push_back(data_.bos_id);
  KL_RETURN_IF_ERROR(EncodeText(text, segment_ends, segments, options.at_start, &ids));
  if (add_bos && ids.size() > 1 && ids[1] == data_.bos_id) ids.erase(ids.begin());
  if (options.add_special && adds_eos_ && (ids.empty() || ids.back() != data_.eos_id)) {
    ids.push_back(data_.eos_id);
  }
  return ids;
}

absl::Status Tokenizer::EncodeText(absl::string_view text, const std::vector<size_t>& segment_ends,
                                   absl::Span<const TextSegment> segments, bool at_start,
                                   std::vector<int32_t>* ids) const {
  bool prefix = at_start && adds_space_prefix_;
  size_t plain_start = 0;
  size_t segment = 0;
  for (size_t at = 0; at < text.size();) {
    if (!specials_.MayStart(text[at])) {
      at++;
      continue;
    }
    while (segment_ends[segment] <= at) segment++;
    const size_t trusted_end = segments[segment].parse_special ? segment_ends[segment] : 0;
    const SpecialTokens::Match match = specials_.Find(text, at, trusted_end);
    if (match.id < 0) {
      at++;
      continue;
    }
    size_t plain_end = at;
    if (strips_[match.id].left) {
      while (plain_end > plain_start && IsAsciiSpace(text[plain_end - 1])) plain_end--;
    }
    KL_RETURN_IF_ERROR(EncodePlain(text.substr(plain_start, plain_end - plain_start), prefix, ids));
    ids->push_back(match.id);
    prefix = adds_space_prefix_;
    at += match.length;
    if (strips_[match.id].right) {
      while (at < text.size() && IsAsciiSpace(text[at])) at++;
    }
    plain_start = at;
  }
  return EncodePlain(text.substr(plain_start), prefix, ids);
}

absl::Status Tokenizer::EncodePlain(absl::string_view text, bool prefix,
                                    std::vector<int32_t>* ids) const {
  if (text.empty()) return absl::OkStatus();
  if (prefix) return subwords_->Encode(absl::StrCat(" ", text), ids);
  return subwords_->Encode(text, ids);
}

absl::string_view Tokenizer::TokenBytes(int32_t id, bool render_special) const {
  if (!IsValid(id) || (!render_special && !IsVisible(kinds_[id]))) return {};
  return absl::string_view(bytes_).substr(byte_offsets_[id],
                                          byte_offsets_[id + 1] - byte_offsets_[id]);
}

std::string Tokenizer::Decode(absl::Span<const int32_t> ids, const DecodeOptions& options) const {
  TokenJoiner joiner(this, options);
  std::string text;
  for (int32_t id : ids) {
    const absl::string_view bytes = joiner.Next(id);
    text.append(bytes.data(), bytes.size());
  }
  return text;
}

TokenJoiner::TokenJoiner(const Tokenizer* tokenizer, const DecodeOptions& options)
    : tokenizer_(tokenizer),
      render_special_(options.render_special),
      strip_space_(options.at_start && tokenizer->adds_space_prefix()) {}

absl::string_view TokenJoiner::Next(int32_t id) {
  absl::string_view bytes = tokenizer_->TokenBytes(id, render_special_);
  if (!tokenizer_->IsValid(id)) return bytes;
  const TokenKind kind = tokenizer_->Kind(id);
  if (kind == TokenKind::kControl || kind == TokenKind::kUserDefined) {
    // Encoding puts the space prefix after these, too.
    strip_space_ = tokenizer_->adds_space_prefix();
    return bytes;
  }
  if (strip_space_ && !bytes.empty()) {
    if (bytes[0] == ' ') bytes.remove_prefix(1);
    strip_space_ = false;
  }
  return bytes;
}

}  // namespace kinglet
