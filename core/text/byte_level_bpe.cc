#include "core/text/byte_level_bpe.h"

#include <deque>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "core/text/byte_alphabet.h"
#include "core/text/symbol_merger.h"
#include "core/text/utf8.h"

namespace kinglet {
namespace {

uint64_t PairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// Control tokens and holes never come out of text, whatever merges a file lists.
bool CanSpellText(TokenKind kind) {
  return kind == TokenKind::kNormal || kind == TokenKind::kUserDefined || kind == TokenKind::kByte;
}

}  // namespace

class ByteLevelBpe::Rule {
 public:
  using Priority = int32_t;  // rank

  explicit Rule(const ByteLevelBpe* bpe) : merges_(bpe->merges_) {}

  bool Merge(const Symbol& left, const Symbol& right, int32_t* rank, int32_t* merged) const {
    const auto found = merges_.find(PairKey(left.id, right.id));
    if (found == merges_.end()) return false;
    *rank = found->second.rank;
    *merged = found->second.merged;
    return true;
  }

 private:
  const absl::flat_hash_map<uint64_t, ByteLevelBpe::Merge>& merges_;
};

absl::StatusOr<std::unique_ptr<ByteLevelBpe>> ByteLevelBpe::Create(
    const VocabularyData& data, const std::vector<TokenKind>& kinds) {
  auto result = absl::WrapUnique(new ByteLevelBpe);
  if (data.split_patterns.empty()) {
    KL_ASSIGN_OR_RETURN(result->pre_tokenizer_, PreTokenizer::FromName(data.pre));
  } else {
    KL_ASSIGN_OR_RETURN(result->pre_tokenizer_, PreTokenizer::FromPatterns(data.split_patterns));
  }
  result->BuildMerges(data, kinds);
  if (data.ignore_merges.value_or(result->pre_tokenizer_->ignores_merges())) {
    for (size_t id = 0; id < data.tokens.size(); id++) {
      if (kinds[id] != TokenKind::kNormal) continue;
      result->whole_pieces_[BytesFromAlphabet(data.tokens[id])] = static_cast<int32_t>(id);
    }
  }
  return result;
}

void ByteLevelBpe::BuildMerges(const VocabularyData& data, const std::vector<TokenKind>& kinds) {
  token_count_ = static_cast<int32_t>(data.tokens.size());
  absl::flat_hash_map<absl::string_view, int32_t> symbols;
  symbols.reserve(data.tokens.size());
  // Of duplicate tokens the last one counts.
  for (size_t id = 0; id < data.tokens.size(); id++) {
    if (CanSpellText(kinds[id])) symbols[data.tokens[id]] = static_cast<int32_t>(id);
  }
  std::deque<std::string> merged_texts;  // keeps the keys that lie in no other string alive
  int32_t next_symbol = token_count_;
  const auto symbol_of = [&](absl::string_view text) {
    const auto inserted = symbols.emplace(text, next_symbol);
    if (inserted.second) next_symbol++;
    return inserted.first->second;
  };

  for (int byte = 0; byte < 256; byte++) {
    const std::string& character = ByteAlphabet()[byte];
    byte_symbols_[byte] = symbol_of(character);
    byte_tokens_[byte] = byte_symbols_[byte] < token_count_ ? byte_symbols_[byte] : data.unknown_id;
  }

  merges_.reserve(data.merges.size());
  std::string merged_text;
  for (size_t rank = 0; rank < data.merges.size(); rank++) {
    const absl::string_view merge = data.merges[rank];
    const size_t space = merge.find(' ', 1);
    const absl::string_view left = merge.substr(0, space);
    const absl::string_view right = merge.substr(space + 1);
    merged_text.assign(left.data(), left.size());
    merged_text.append(right.data(), right.size());
    int32_t merged;
    const auto found = symbols.find(merged_text);
    if (found != symbols.end()) {
      merged = found->second;
    } else {
      merged_texts.push_back(merged_text);
      merged = symbol_of(merged_texts.back());
    }
    // Of duplicate merges the first one counts.
    merges_.emplace(PairKey(symbol_of(left), symbol_of(right)),
                    Merge{static_cast<int32_t>(rank), merged});
  }
}

absl::Status ByteLevelBpe::Encode(absl::string_view text, std::vector<int32_t>* ids) const {
  const Rule rule(this);
  SymbolMerger<Rule> merger(&rule);
  std::vector<TextPiece> pieces;
  int missing_byte = -1;
  const auto encode_piece = [&](absl::string_view piece) {
    if (!whole_pieces_.empty()) {
      const auto whole = whole_pieces_.find(piece);
      if (whole != whole_pieces_.end()) {
        ids->push_back(whole->second);
        return;
      }
    }
    merger.Clear();
    for (size_t i = 0; i < piece.size(); i++) {
      merger.Append(byte_symbols_[static_cast<uint8_t>(piece[i])], static_cast<int32_t>(i), 1);
    }
    merger.MergeAndVisit([&](const Symbol& symbol) {
      if (symbol.id < token_count_) {
        ids->push_back(symbol.id);
        return;
      }
      for (int32_t i = symbol.start; i < symbol.start + symbol.length; i++) {
        const int32_t token = byte_tokens_[static_cast<uint8_t>(piece[i])];
        if (token < 0) missing_byte = static_cast<uint8_t>(piece[i]);
        ids->push_back(token);
      }
    });
  };

  for (size_t at = 0; at < text.size();) {
    const size_t valid = ValidUtf8Length(text, at);
    if (valid > 0) {
      const absl::string_view stretch = text.substr(at, valid);
      pieces.clear();
      KL_RETURN_IF_ERROR(pre_tokenizer_->Split(stretch, &pieces));
      for (const TextPiece& piece : pieces) {
        encode_piece(stretch.substr(piece.start, piece.length));
      }
      at += valid;
    }
    const size_t invalid_start = at;
    while (at < text.size()) {
      const Utf8Unit unit = ReadUtf8(text, at);
      if (unit.kind == Utf8Kind::kCharacter) break;
      at += unit.length_bytes;
    }
    if (at > invalid_start) encode_piece(text.substr(invalid_start, at - invalid_start));
  }
  if (missing_byte >= 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "tokenizer: the vocabulary has no token for the byte 0x%02X of the text and no unknown "
        "token; leave the character out or use a model whose vocabulary covers all bytes",
        missing_byte));
  }
  return absl::OkStatus();
}

}  // namespace kinglet
