#include "core/text/sentencepiece_bpe.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "core/text/symbol_merger.h"
#include "core/text/utf8.h"

namespace kinglet {
namespace {

// The score of a token that no merge makes.
constexpr float kNeverMerged = -std::numeric_limits<float>::infinity();

bool HasSpaceMarkAt(absl::string_view text, size_t position) {
  return text.compare(position, kSpaceMarkBytes, kSpaceMark) == 0;
}

// Whether a space mark stands right behind something else, as in "a_b" but not in "_a" or "__a".
bool CrossesWords(absl::string_view token) {
  for (size_t mark = token.find(kSpaceMark); mark != absl::string_view::npos;
       mark = token.find(kSpaceMark, mark + kSpaceMarkBytes)) {
    if (mark == 0) continue;
    if (mark < kSpaceMarkBytes || !HasSpaceMarkAt(token, mark - kSpaceMarkBytes)) return true;
  }
  return false;
}

}  // namespace

// Pairs are known by their joint text. A symbol's id is its token, or -1 for a character that is
// none.
class SentencePieceBpe::Rule {
 public:
  struct Priority {
    float score;
    bool operator<(const Priority& other) const { return score > other.score; }
  };

  explicit Rule(const SentencePieceBpe* bpe) : bpe_(bpe) {}

  void SetText(absl::string_view text) { text_ = text; }

  bool Merge(const Symbol& left, const Symbol& right, Priority* priority, int32_t* merged) const {
    const size_t length = static_cast<size_t>(left.length) + right.length;
    if (length > bpe_->longest_token_bytes_) return false;
    const auto found = bpe_->token_ids_.find(text_.substr(left.start, length));
    if (found == bpe_->token_ids_.end()) return false;
    *merged = found->second;
    priority->score = bpe_->scores_[found->second];
    return priority->score != kNeverMerged;
  }

 private:
  const SentencePieceBpe* bpe_;
  absl::string_view text_;
};

absl::StatusOr<std::unique_ptr<SentencePieceBpe>> SentencePieceBpe::Create(
    const VocabularyData* data, const std::vector<TokenKind>& kinds) {
  auto result = absl::WrapUnique(new SentencePieceBpe);
  result->unknown_id_ = data->unknown_id;
  result->byte_tokens_.fill(-1);
  for (size_t id = 0; id < data->tokens.size(); id++) {
    const std::string& token = data->tokens[id];
    if (kinds[id] == TokenKind::kByte) {
      result->byte_tokens_[ParseByteToken(token)] = static_cast<int32_t>(id);
    }
    // Other kinds never come out of merges; user-defined tokens are found in the text before.
    if (kinds[id] != TokenKind::kNormal || token.empty()) continue;
    result->token_ids_[token] = static_cast<int32_t>(id);  // of duplicates the last one counts
    result->longest_token_bytes_ = std::max(result->longest_token_bytes_, token.size());
    result->tokens_cross_words_ = result->tokens_cross_words_ || CrossesWords(token);
  }
  if (data->scores.empty()) {
    result->ScoresFromMerges(*data);
  } else {
    result->scores_ = data->scores;
  }
  return result;
}

// A tokenizer.json lists merges instead of scores: a token is worth as much as the first merge that
// makes it.
void SentencePieceBpe::ScoresFromMerges(const VocabularyData& data) {
  scores_.assign(data.tokens.size(), kNeverMerged);
  std::string merged;
  for (size_t rank = data.merges.size(); rank-- > 0;) {
    const std::string& merge = data.merges[rank];
    const size_t space = merge.find(' ', 1);
    merged.assign(merge, 0, space);
    merged.append(merge, space + 1, std::string::npos);
    const auto found = token_ids_.find(merged);
    if (found != token_ids_.end()) scores_[found->second] = -static_cast<float>(rank);
  }
}

size_t SentencePieceBpe::WordEnd(absl::string_view escaped, size_t start) const {
  if (tokens_cross_words_) return escaped.size();
  size_t at = start;
  while (at < escaped.size() && HasSpaceMarkAt(escaped, at)) at += kSpaceMarkBytes;
  const size_t mark = escaped.find(kSpaceMark, at);
  return mark == absl::string_view::npos ? escaped.size() : mark;
}

absl::Status SentencePieceBpe::Encode(absl::string_view text, std::vector<int32_t>* ids) const {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 2);
  for (char c : text) {
    if (c == ' ') {
      escaped.append(kSpaceMark, kSpaceMarkBytes);
    } else {
      escaped.push_back(c);
    }
  }

  Rule rule(this);
  SymbolMerger<Rule> merger(&rule);
  int missing_byte = -1;
  const auto fall_back = [&](absl::string_view character) {
    const bool has_bytes = std::all_of(character.begin(), character.end(), [&](char byte) {
      return byte_tokens_[static_cast<uint8_t>(byte)] >= 0;
    });
    if (has_bytes) {
      for (char byte : character) ids->push_back(byte_tokens_[static_cast<uint8_t>(byte)]);
    } else {
      if (unknown_id_ < 0) missing_byte = static_cast<uint8_t>(character[0]);
      ids->push_back(unknown_id_);
    }
  };

  for (size_t start = 0; start < escaped.size();) {
    const size_t end = WordEnd(escaped, start);
    const absl::string_view word = absl::string_view(escaped).substr(start, end - start);
    rule.SetText(word);
    merger.Clear();
    for (size_t at = 0; at < word.size();) {
      const Utf8Unit unit = ReadUtf8(word, at);
      const size_t length = unit.kind == Utf8Kind::kCharacter ? unit.length_bytes : 1;
      const auto found = token_ids_.find(word.substr(at, length));
      merger.Append(found == token_ids_.end() ? -1 : found->second, static_cast<int32_t>(at),
                    static_cast<int32_t>(length));
      at += length;
    }
    merger.MergeAndVisit([&](const Symbol& symbol) {
      if (symbol.id >= 0) {
        ids->push_back(symbol.id);
      } else {
        fall_back(word.substr(symbol.start, symbol.length));
      }
    });
    start = end;
  }
  if (missing_byte >= 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "tokenizer: the vocabulary has no token for a character of the text that starts with the "
        "byte 0x%02X, no byte tokens and no unknown token; leave the character out or use another "
        "model",
        missing_byte));
  }
  return absl::OkStatus();
}

}  // namespace kinglet
