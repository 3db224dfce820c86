#include "core/text/vocabulary.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr int kFirstKind = 1;
constexpr int kLastKind = 6;
// GGUF's value for "never set"; files that carry it mean ordinary text.
constexpr int kUndefinedKind = 0;

// Long enough to recognise a token in a message, short enough for a hostile file.
std::string Quoted(const std::string& text) {
  constexpr size_t kMaximumBytes = 40;
  if (text.size() <= kMaximumBytes) return absl::StrCat("'", text, "'");
  return absl::StrCat("'", text.substr(0, kMaximumBytes), "'... (", text.size(), " bytes)");
}

absl::Status CheckLength(size_t found, size_t token_count, const char* what) {
  if (found == token_count) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "vocabulary: expected ", token_count, " ", what, ", one for each token, found ", found,
      "; the file is damaged or was converted wrongly: convert the model again"));
}

absl::Status CheckId(int64_t id, int64_t lowest, size_t token_count, const char* what) {
  if (id >= lowest && id < static_cast<int64_t>(token_count)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("vocabulary: ", what, " is token ", id,
                                                 ", but the ", token_count,
                                                 " tokens have the ids 0 to ", token_count - 1));
}

absl::Status CheckIds(const VocabularyData& data) {
  const size_t count = data.tokens.size();
  KL_RETURN_IF_ERROR(CheckId(data.bos_id, -1, count, "the beginning of text (bos)"));
  KL_RETURN_IF_ERROR(CheckId(data.eos_id, -1, count, "the end of text (eos)"));
  KL_RETURN_IF_ERROR(CheckId(data.unknown_id, -1, count, "the unknown token"));
  KL_RETURN_IF_ERROR(CheckId(data.padding_id, -1, count, "the padding token"));
  for (int32_t id : data.extra_end_ids) {
    KL_RETURN_IF_ERROR(CheckId(id, 0, count, "a further end of turn"));
  }
  for (int32_t id : data.left_strip_ids) {
    KL_RETURN_IF_ERROR(CheckId(id, 0, count, "a token that strips to its left"));
  }
  for (int32_t id : data.right_strip_ids) {
    KL_RETURN_IF_ERROR(CheckId(id, 0, count, "a token that strips to its right"));
  }
  return absl::OkStatus();
}

absl::Status CheckKinds(const VocabularyData& data) {
  if (data.kinds.empty()) return absl::OkStatus();
  KL_RETURN_IF_ERROR(CheckLength(data.kinds.size(), data.tokens.size(), "token types"));
  for (size_t id = 0; id < data.kinds.size(); id++) {
    const int32_t kind = data.kinds[id];
    if (kind != kUndefinedKind && (kind < kFirstKind || kind > kLastKind)) {
      return absl::InvalidArgumentError(absl::StrCat("vocabulary: token ", id, " ",
                                                     Quoted(data.tokens[id]), " has type ", kind,
                                                     "; known types are 1 (normal) to 6 (byte)"));
    }
    if (kind == static_cast<int32_t>(TokenKind::kByte) && ParseByteToken(data.tokens[id]) < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("vocabulary: token ", id, " is marked as a byte but is spelled ",
                       Quoted(data.tokens[id]), "; expected <0x00> to <0xFF>"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckScores(const VocabularyData& data) {
  if (data.scores.empty()) return absl::OkStatus();
  KL_RETURN_IF_ERROR(CheckLength(data.scores.size(), data.tokens.size(), "scores"));
  for (size_t id = 0; id < data.scores.size(); id++) {
    if (std::isnan(data.scores[id])) {
      return absl::InvalidArgumentError(absl::StrCat("vocabulary: the score of token ", id, " ",
                                                     Quoted(data.tokens[id]), " is not a number"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMerges(const VocabularyData& data) {
  if (data.merges.size() > std::numeric_limits<int32_t>::max() / 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("vocabulary: ", data.merges.size(), " merges are more than ids can number"));
  }
  for (size_t rank = 0; rank < data.merges.size(); rank++) {
    const std::string& merge = data.merges[rank];
    // The left part may not be empty, so a space in front belongs to it.
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos || space + 1 == merge.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("vocabulary: merge ", rank, " is ", Quoted(merge),
                       "; expected two parts with a space between them"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

int ParseByteToken(const std::string& text) {
  if (text.size() != 6 || text.compare(0, 3, "<0x") != 0 || text[5] != '>') return -1;
  int value = 0;
  for (int i = 3; i < 5; i++) {
    const char c = text[i];
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

absl::Status ValidateVocabulary(const VocabularyData& data) {
  if (data.model != "gpt2" && data.model != "llama") {
    return absl::UnimplementedError(
        absl::StrCat("vocabulary: unknown tokenizer model ", Quoted(data.model),
                     "; known: gpt2 (byte-level BPE), llama (SentencePiece BPE)"));
  }
  if (data.tokens.empty()) {
    return absl::InvalidArgumentError("vocabulary: expected a list of tokens, found none");
  }
  if (data.tokens.size() > std::numeric_limits<int32_t>::max() / 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("vocabulary: ", data.tokens.size(), " tokens are more than ids can number"));
  }
  KL_RETURN_IF_ERROR(CheckIds(data));
  KL_RETURN_IF_ERROR(CheckKinds(data));
  KL_RETURN_IF_ERROR(CheckScores(data));
  KL_RETURN_IF_ERROR(CheckMerges(data));
  if (data.model == "gpt2" && data.merges.empty()) {
    return absl::InvalidArgumentError(
        "vocabulary: a byte-level BPE tokenizer (gpt2) needs its list of merges, found none; "
        "convert the model again with a converter that writes tokenizer.ggml.merges");
  }
  if (data.model == "llama" && data.scores.empty() && data.merges.empty()) {
    return absl::InvalidArgumentError(
        "vocabulary: a SentencePiece tokenizer (llama) needs a score for each token or a list of "
        "merges, found neither; convert the model again with a converter that writes "
        "tokenizer.ggml.scores");
  }
  return absl::OkStatus();
}

}  // namespace kinglet
