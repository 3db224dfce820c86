#include "core/text/pre_tokenizer.h"

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/base/status.h"
#include "core/text/pre_tokenizer_table.h"

namespace kinglet {
namespace {

// Bounds for one match. A well-behaved pattern backtracks over a run of n characters at most once
// per alternative, so the bound on steps grows with the text; the others are constant.
constexpr uint64_t kStepsPerByte = 16;
constexpr uint64_t kBaseSteps = 1000000;
constexpr uint32_t kDepthLimit = 100000;
constexpr uint32_t kHeapLimitKib = 64 * 1024;

template <typename T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* pointer) const { Free(pointer); }
};
using Code = std::unique_ptr<pcre2_code, Deleter<pcre2_code, pcre2_code_free>>;
using MatchData =
    std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data, pcre2_match_data_free>>;
using MatchContext =
    std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context, pcre2_match_context_free>>;

std::string PcreMessage(int code) {
  PCRE2_UCHAR buffer[160] = {};
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

class PreTokenizer::Pattern {
 public:
  static absl::StatusOr<std::unique_ptr<Pattern>> Compile(const std::string& source) {
    int error = 0;
    PCRE2_SIZE error_offset = 0;
    // NEVER_BACKSLASH_C: \C could cut a character in two.
    Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &error_offset,
                            nullptr));
    if (code == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("pre-tokenizer: the regular expression '", source.substr(0, 80),
                       source.size() > 80 ? "..." : "", "' is not valid at offset ", error_offset,
                       ": ", PcreMessage(error)));
    }
    // A speed-up that a system may refuse (no writable and executable memory); matching then
    // interprets.
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
    auto pattern = std::make_unique<Pattern>();
    pattern->code_ = std::move(code);
    pattern->source_ = source;
    return pattern;
  }

  // Splits each of `pieces` of `text`.
  absl::Status Split(absl::string_view text, std::vector<TextPiece>* pieces) const {
    MatchData match(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    MatchContext context(pcre2_match_context_create(nullptr));
    if (match == nullptr || context == nullptr) {
      return absl::ResourceExhaustedError("pre-tokenizer: out of memory");
    }
    const uint64_t steps = kBaseSteps + kStepsPerByte * text.size();
    pcre2_set_match_limit(context.get(), static_cast<uint32_t>(std::min<uint64_t>(
                                             steps, std::numeric_limits<uint32_t>::max())));
    pcre2_set_depth_limit(context.get(), kDepthLimit);
    pcre2_set_heap_limit(context.get(), kHeapLimitKib);

    std::vector<TextPiece> result;
    result.reserve(pieces->size() + text.size() / 4);
    for (const TextPiece& piece : *pieces) {
      KL_RETURN_IF_ERROR(SplitOne(text, piece, match.get(), context.get(), &result));
    }
    pieces->swap(result);
    return absl::OkStatus();
  }

 private:
  absl::Status SplitOne(absl::string_view text, TextPiece piece, pcre2_match_data* match,
                        pcre2_match_context* context, std::vector<TextPiece>* result) const {
    PCRE2_SPTR subject = reinterpret_cast<PCRE2_SPTR>(text.data() + piece.start);
    size_t emitted = 0;  // the subject up to here is in `result`
    size_t from = 0;
    while (from < piece.length) {
      // The caller has checked the text; PCRE2 would check it again at every match.
      int code =
          pcre2_match(code_.get(), subject, piece.length, from, PCRE2_NO_UTF_CHECK, match, context);
      if (code == PCRE2_ERROR_JIT_STACKLIMIT) {
        code = pcre2_match(code_.get(), subject, piece.length, from,
                           PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match, context);
      }
      if (code == PCRE2_ERROR_NOMATCH) break;
      if (code < 0) {
        return absl::ResourceExhaustedError(
            absl::StrCat("pre-tokenizer: the regular expression '", source_.substr(0, 80),
                         "' gave up on a text of ", piece.length, " bytes at offset ", from, ": ",
                         PcreMessage(code), "; split the text into smaller parts"));
      }
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match);
      const size_t start = bounds[0];
      const size_t end = bounds[1];
      if (start < emitted || end < start) {
        return absl::InvalidArgumentError(absl::StrCat("pre-tokenizer: the regular expression '",
                                                       source_.substr(0, 80),
                                                       "' moves the start of its match"));
      }
      if (start > emitted) result->push_back({piece.start + emitted, start - emitted});
      emitted = end;
      if (end > start) {
        result->push_back({piece.start + start, end - start});
        from = end;
      } else {  // an empty match parts the text there; the next one is further on
        from = NextCharacter(subject, piece.length, end);
      }
    }
    if (emitted < piece.length) {
      result->push_back({piece.start + emitted, piece.length - emitted});
    }
    return absl::OkStatus();
  }

  static size_t NextCharacter(PCRE2_SPTR subject, size_t length, size_t from) {
    do {
      from++;
    } while (from < length && (subject[from] & 0xC0) == 0x80);
    return from;
  }

  Code code_;
  std::string source_;
};

PreTokenizer::PreTokenizer() = default;
PreTokenizer::~PreTokenizer() = default;

absl::StatusOr<std::unique_ptr<PreTokenizer>> PreTokenizer::FromPatterns(
    const std::vector<std::string>& patterns) {
  if (patterns.empty()) {
    return absl::InvalidArgumentError("pre-tokenizer: expected regular expressions, found none");
  }
  auto result = absl::WrapUnique(new PreTokenizer);
  for (const std::string& source : patterns) {
    KL_ASSIGN_OR_RETURN(std::unique_ptr<Pattern> pattern, Pattern::Compile(source));
    result->patterns_.push_back(std::move(pattern));
  }
  return result;
}

absl::StatusOr<std::unique_ptr<PreTokenizer>> PreTokenizer::FromName(absl::string_view name) {
  if (name.empty()) name = "default";
  for (const PreTokenizerFamily& family : PreTokenizerFamilies()) {
    if (std::find(family.names.begin(), family.names.end(), name) == family.names.end()) continue;
    std::vector<std::string> patterns;
    for (const char* source : family.patterns) {
      // PCRE2's own \s also takes U+180E, which Unicode no longer counts as white space.
      patterns.push_back(
          absl::StrReplaceAll(source, {{"\\s", "\\p{White_Space}"}, {"\\S", "\\P{White_Space}"}}));
    }
    KL_ASSIGN_OR_RETURN(std::unique_ptr<PreTokenizer> result, FromPatterns(patterns));
    result->ignores_merges_ = family.ignores_merges;
    result->adds_bos_ = family.adds_bos;
    return result;
  }
  return absl::UnimplementedError(absl::StrCat(
      "vocabulary: unknown pre-tokenizer '", name.substr(0, 60), "'; known: ", KnownNames(),
      ". Using another one would give wrong tokens; convert the model with a known one"));
}

std::string PreTokenizer::KnownNames() {
  std::vector<std::string> names;
  for (const PreTokenizerFamily& family : PreTokenizerFamilies()) {
    names.insert(names.end(), family.names.begin(), family.names.end());
  }
  std::sort(names.begin(), names.end());
  return absl::StrJoin(names, ", ");
}

absl::Status PreTokenizer::Split(absl::string_view text, std::vector<TextPiece>* pieces) const {
  if (text.empty()) return absl::OkStatus();
  std::vector<TextPiece> result = {{0, text.size()}};
  for (const std::unique_ptr<Pattern>& pattern : patterns_) {
    KL_RETURN_IF_ERROR(pattern->Split(text, &result));
  }
  pieces->insert(pieces->end(), result.begin(), result.end());
  return absl::OkStatus();
}

}  // namespace kinglet
