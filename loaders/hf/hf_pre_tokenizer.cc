#include "loaders/hf/hf_pre_tokenizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {
namespace {

constexpr char kSpaceMark[] = "\xE2\x96\x81";  // U+2581

// The expression that ByteLevel uses by itself.
constexpr char kGpt2[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct KnownPattern {
  const char* name;
  const char* pattern;
};

// As the published tokenizer.json files spell them.
constexpr KnownPattern kKnownPatterns[] = {
    {"gpt-2", kGpt2},
    {"llama-bpe",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {"qwen2",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
};

std::string EscapedForRegex(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (std::string("\\^$.|?*+()[]{}").find(c) != std::string::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

class Reader {
 public:
  Reader(absl::string_view path, const nlohmann::json& tokenizer)
      : path_(path), tokenizer_(tokenizer) {}

  absl::StatusOr<HfPreTokenizer> Run() {
    JsonFields fields(path_, tokenizer_);
    if (const nlohmann::json* normalizer = fields.Object("normalizer")) {
      KL_RETURN_IF_ERROR(Steps(*normalizer, "normalizers", &Reader::Normalizer));
    }
    if (const nlohmann::json* pre_tokenizer = fields.Object("pre_tokenizer")) {
      KL_RETURN_IF_ERROR(Steps(*pre_tokenizer, "pretokenizers", &Reader::PreTokenizer));
    }
    KL_RETURN_IF_ERROR(fields.status());
    if (result_.split_patterns.size() == 1) {
      for (const KnownPattern& known : kKnownPatterns) {
        if (result_.split_patterns[0] == known.pattern) result_.name = known.name;
      }
      if (!result_.name.empty()) result_.split_patterns.clear();
    }
    return std::move(result_);
  }

 private:
  using Step = absl::Status (Reader::*)(const std::string& type, JsonFields* fields);

  // One step, or a "Sequence" of them.
  absl::Status Steps(const nlohmann::json& step, const char* list_key, Step read) {
    if (!step.is_object()) return Corrupt(path_, list_key, "objects", step.type_name());
    JsonFields fields(path_, step);
    const std::string type = fields.Text("type");
    if (type == "Sequence") {
      const nlohmann::json* list = fields.Array(list_key);
      KL_RETURN_IF_ERROR(fields.status());
      if (list == nullptr) return Corrupt(path_, list_key, "an array", "none");
      // Nested at most as deep as the parser allows.
      for (const nlohmann::json& inner : *list) KL_RETURN_IF_ERROR(Steps(inner, list_key, read));
      return absl::OkStatus();
    }
    KL_RETURN_IF_ERROR((this->*read)(type, &fields));
    return fields.status();
  }

  absl::Status Unsupported(const char* what, const std::string& type,
                           absl::string_view known) const {
    return absl::UnimplementedError(
        absl::StrCat(path_, ": expected a ", what, " of type ", known, ", found ", Quoted(type),
                     "; without tokenizer.json the model loads for token ids"));
  }

  absl::Status Normalizer(const std::string& type, JsonFields* fields) {
    if (type == "NFC") return absl::OkStatus();
    if (type == "Prepend" && fields->Text("prepend") == kSpaceMark) {
      result_.adds_space_prefix = true;
      result_.writes_spaces_as_marks = true;
      return absl::OkStatus();
    }
    if (type == "Replace" && fields->Text("content") == kSpaceMark) {
      result_.writes_spaces_as_marks = true;
      return absl::OkStatus();
    }
    return Unsupported("normalizer", type, "NFC, or Prepend and Replace of spaces by U+2581");
  }

  absl::Status PreTokenizer(const std::string& type, JsonFields* fields) {
    if (type == "ByteLevel") {
      result_.byte_level = true;
      if (fields->Bool("add_prefix_space").value_or(false)) {
        return Unsupported("pre_tokenizer", type, "ByteLevel with add_prefix_space false");
      }
      if (fields->Bool("use_regex").value_or(true)) result_.split_patterns.push_back(kGpt2);
      return absl::OkStatus();
    }
    if (type == "Metaspace") {
      result_.writes_spaces_as_marks = true;
      const std::string scheme = fields->Text("prepend_scheme");
      const bool adds =
          scheme.empty() ? fields->Bool("add_prefix_space").value_or(true) : scheme != "never";
      result_.adds_space_prefix = result_.adds_space_prefix || adds;
      return absl::OkStatus();
    }
    if (type == "Digits") {
      result_.split_patterns.push_back(
          fields->Bool("individual_digits").value_or(false) ? R"(\p{N})" : R"(\p{N}+)");
      return absl::OkStatus();
    }
    if (type == "Split") return Split(fields);
    return Unsupported("pre_tokenizer", type, "ByteLevel, Metaspace, Digits or Split");
  }

  absl::Status Split(JsonFields* fields) {
    const std::string behavior = fields->Text("behavior");
    const bool inverted = fields->Bool("invert").value_or(false);
    const nlohmann::json* pattern = fields->Object("pattern");
    KL_RETURN_IF_ERROR(fields->status());
    // "Removed" and inverted: keep the matches, of which the expression leaves nothing out.
    const bool keeps_matches =
        (behavior == "Isolated" && !inverted) || (behavior == "Removed" && inverted);
    if (!keeps_matches) return Unsupported("Split", behavior, "behavior Isolated, not inverted");
    if (pattern == nullptr) return Corrupt(path_, "field \"pattern\"", "an object", "none");
    JsonFields pattern_fields(path_, *pattern);
    const std::string regex = pattern_fields.Text("Regex");
    const std::string text = pattern_fields.Text("String");
    KL_RETURN_IF_ERROR(pattern_fields.status());
    if (regex.empty() && text.empty())
      return Corrupt(path_, "field \"pattern\"", "a Regex or a String", "neither");
    result_.split_patterns.push_back(regex.empty() ? EscapedForRegex(text) : regex);
    return absl::OkStatus();
  }

  const std::string path_;
  const nlohmann::json& tokenizer_;
  HfPreTokenizer result_;
};

}  // namespace

absl::StatusOr<HfPreTokenizer> ReadHfPreTokenizer(absl::string_view path,
                                                  const nlohmann::json& tokenizer) {
  return Reader(path, tokenizer).Run();
}

}  // namespace kinglet
