#include "loaders/hf/hf_tokenizer.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/hf/hf_pre_tokenizer.h"

namespace kinglet {
namespace {

class Translator {
 public:
  Translator(absl::string_view path, const nlohmann::json& tokenizer,
             const HfTokenizerContext& context)
      : path_(path), tokenizer_(tokenizer), context_(context) {}

  absl::StatusOr<VocabularyData> Run() {
    JsonFields fields(path_, tokenizer_);
    const nlohmann::json* model = fields.Object("model");
    const nlohmann::json* added = fields.Array("added_tokens");
    KL_RETURN_IF_ERROR(fields.status());
    if (model == nullptr) return Corrupt(path_, "field \"model\"", "an object", "none");
    KL_RETURN_IF_ERROR(Model(*model));
    KL_RETURN_IF_ERROR(Tokens(*model, added));
    KL_RETURN_IF_ERROR(Merges(*model));
    KL_RETURN_IF_ERROR(SpecialIds());
    KL_RETURN_IF_ERROR(AddedEnds());
    KL_RETURN_IF_ERROR(ChatTemplate());
    KL_RETURN_IF_ERROR(Annotate(ValidateVocabulary(data_), path_));
    return std::move(data_);
  }

 private:
  absl::Status Model(const nlohmann::json& model) {
    JsonFields fields(path_, model);
    // Old files leave the type out.
    const std::string type = fields.Text("type");
    const bool byte_fallback = fields.Bool("byte_fallback").value_or(false);
    data_.ignore_merges = fields.Bool("ignore_merges").value_or(false);
    unknown_token_ = fields.Text("unk_token");
    KL_RETURN_IF_ERROR(fields.status());
    if (!type.empty() && type != "BPE") {
      return absl::UnimplementedError(
          absl::StrCat(path_, ": expected a tokenizer model of type BPE, found ", Quoted(type),
                       "; without tokenizer.json the model loads for token ids"));
    }
    KL_ASSIGN_OR_RETURN(HfPreTokenizer pre, ReadHfPreTokenizer(path_, tokenizer_));
    if (pre.byte_level) {
      data_.model = "gpt2";
      data_.pre = std::move(pre.name);
      data_.split_patterns = std::move(pre.split_patterns);
      return absl::OkStatus();
    }
    if (byte_fallback && pre.writes_spaces_as_marks && pre.split_patterns.empty()) {
      data_.model = "llama";
      data_.add_space_prefix = pre.adds_space_prefix;
      return absl::OkStatus();
    }
    return absl::UnimplementedError(absl::StrCat(
        path_,
        ": expected BPE over bytes (ByteLevel) or SentencePiece BPE (byte_fallback, spaces as "
        "U+2581), found neither; without tokenizer.json the model loads for token ids"));
  }

  // Puts `text` at `id`, which must be free or hold the same text.
  absl::Status Place(int64_t id, const std::string& text, TokenKind kind) {
    std::string& token = data_.tokens[static_cast<size_t>(id)];
    int32_t& kind_there = data_.kinds[static_cast<size_t>(id)];
    const bool is_free = kind_there == static_cast<int32_t>(TokenKind::kUnused);
    if (!is_free && token != text) {
      return Corrupt(path_, absl::StrCat("token ", id), absl::StrCat("one text, ", Quoted(token)),
                     absl::StrCat(Quoted(text), " too"));
    }
    token = text;
    kind_there = static_cast<int32_t>(kind);
    ids_.emplace(text, static_cast<int32_t>(id));
    return absl::OkStatus();
  }

  absl::Status CheckId(int64_t id, size_t entry_count, const std::string& text) {
    // Holes happen; a huge id in a small file would make room for tokens that it does not have.
    constexpr int64_t kSlack = 65536;
    const int64_t most = 2 * static_cast<int64_t>(entry_count) + kSlack;
    if (id < 0 || id > most) {
      return Corrupt(path_, absl::StrCat("token ", Quoted(text)),
                     absl::StrCat("an id from 0 to ", most), absl::StrCat(id));
    }
    if (static_cast<size_t>(id) >= data_.tokens.size()) {
      data_.tokens.resize(static_cast<size_t>(id) + 1);
      data_.kinds.resize(static_cast<size_t>(id) + 1, static_cast<int32_t>(TokenKind::kUnused));
    }
    return absl::OkStatus();
  }

  absl::Status Tokens(const nlohmann::json& model, const nlohmann::json* added) {
    JsonFields fields(path_, model);
    const nlohmann::json* vocabulary = fields.Object("vocab");
    KL_RETURN_IF_ERROR(fields.status());
    if (vocabulary == nullptr) return Corrupt(path_, "field \"vocab\"", "an object", "none");
    const size_t entry_count = vocabulary->size() + (added != nullptr ? added->size() : 0);
    for (const auto& [text, value] : vocabulary->items()) {
      const int64_t id = JsonInt(value).value_or(-1);
      KL_RETURN_IF_ERROR(CheckId(id, entry_count, text));
      KL_RETURN_IF_ERROR(Place(id, text, KindOf(text)));
    }
    if (added != nullptr) {
      for (const nlohmann::json& token : *added) KL_RETURN_IF_ERROR(AddedToken(token, entry_count));
    }
    return absl::OkStatus();
  }

  TokenKind KindOf(const std::string& text) const {
    if (data_.model != "llama") return TokenKind::kNormal;
    if (text == unknown_token_) return TokenKind::kUnknown;
    return ParseByteToken(text) >= 0 ? TokenKind::kByte : TokenKind::kNormal;
  }

  absl::Status AddedToken(const nlohmann::json& token, size_t entry_count) {
    if (!token.is_object())
      return Corrupt(path_, "field \"added_tokens\"", "objects", token.type_name());
    JsonFields fields(path_, token);
    const int64_t id = fields.Int("id").value_or(-1);
    const std::string text = fields.Text("content");
    const bool special = fields.Bool("special").value_or(false);
    const bool strips_left = fields.Bool("lstrip").value_or(false);
    const bool strips_right = fields.Bool("rstrip").value_or(false);
    KL_RETURN_IF_ERROR(fields.status());
    KL_RETURN_IF_ERROR(CheckId(id, entry_count, text));
    TokenKind kind = special ? TokenKind::kControl : TokenKind::kUserDefined;
    if (special && KindOf(text) == TokenKind::kUnknown) kind = TokenKind::kUnknown;
    KL_RETURN_IF_ERROR(Place(id, text, kind));
    if (strips_left) data_.left_strip_ids.push_back(static_cast<int32_t>(id));
    if (strips_right) data_.right_strip_ids.push_back(static_cast<int32_t>(id));
    return absl::OkStatus();
  }

  // "left right", or in newer files ["left", "right"].
  absl::Status Merges(const nlohmann::json& model) {
    JsonFields fields(path_, model);
    const nlohmann::json* merges = fields.Array("merges");
    KL_RETURN_IF_ERROR(fields.status());
    if (merges == nullptr) return absl::OkStatus();
    data_.merges.reserve(merges->size());
    for (const nlohmann::json& merge : *merges) {
      if (const std::string* text = JsonText(merge)) {
        data_.merges.push_back(*text);
        continue;
      }
      const bool is_pair =
          merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
      if (!is_pair) {
        return Corrupt(path_, absl::StrCat("merge ", data_.merges.size()), "a string or two",
                       merge.type_name());
      }
      // A token with a space inside cannot be told from two in VocabularyData.
      if (JsonText(merge[0])->find(' ') != std::string::npos ||
          JsonText(merge[1])->find(' ') != std::string::npos) {
        return absl::UnimplementedError(absl::StrCat(
            path_, ": merge ", data_.merges.size(), ": expected parts without spaces, found ",
            Quoted(*JsonText(merge[0])), " and ", Quoted(*JsonText(merge[1]))));
      }
      data_.merges.push_back(absl::StrCat(*JsonText(merge[0]), " ", *JsonText(merge[1])));
    }
    return absl::OkStatus();
  }

  // The token that a field of tokenizer_config.json names, as text or as an object with "content";
  // -1: none.
  int32_t ConfiguredId(const char* key) const {
    if (context_.tokenizer_config == nullptr) return -1;
    const auto field = context_.tokenizer_config->find(key);
    if (field == context_.tokenizer_config->end()) return -1;
    const std::string* text = JsonText(*field);
    if (text == nullptr && field->is_object()) {
      const auto content = field->find("content");
      if (content != field->end()) text = JsonText(*content);
    }
    return text == nullptr ? -1 : IdOf(*text);
  }

  int32_t IdOf(const std::string& text) const {
    const auto it = ids_.find(text);
    return it == ids_.end() ? -1 : it->second;
  }

  absl::StatusOr<int32_t> Narrow(const char* key, int64_t id) const {
    if (id < 0 || id > std::numeric_limits<int32_t>::max()) {
      return Corrupt(path_, absl::StrCat("config.json's ", key), "a token id", absl::StrCat(id));
    }
    return static_cast<int32_t>(id);
  }

  absl::Status SpecialIds() {
    data_.unknown_id = unknown_token_.empty() ? ConfiguredId("unk_token") : IdOf(unknown_token_);
    data_.padding_id = ConfiguredId("pad_token");
    data_.bos_id = ConfiguredId("bos_token");
    if (data_.bos_id < 0 && context_.bos_id >= 0) {
      KL_ASSIGN_OR_RETURN(data_.bos_id, Narrow("bos_token_id", context_.bos_id));
    }
    data_.eos_id = ConfiguredId("eos_token");
    for (int64_t listed : context_.eos_ids) {
      KL_ASSIGN_OR_RETURN(const int32_t id, Narrow("eos_token_id", listed));
      if (data_.eos_id < 0) data_.eos_id = id;
      const bool is_known = id == data_.eos_id ||
                            std::find(data_.extra_end_ids.begin(), data_.extra_end_ids.end(), id) !=
                                data_.extra_end_ids.end();
      if (!is_known) data_.extra_end_ids.push_back(id);
    }
    return absl::OkStatus();
  }

  // What the post-processor puts around a text: its template where there is one, else what
  // tokenizer_config.json says.
  absl::Status AddedEnds() {
    bool adds_bos = false, adds_eos = false;
    if (context_.tokenizer_config != nullptr) {
      JsonFields config("tokenizer_config.json", *context_.tokenizer_config);
      adds_bos = config.Bool("add_bos_token").value_or(false);
      adds_eos = config.Bool("add_eos_token").value_or(false);
      KL_RETURN_IF_ERROR(config.status());
    }
    const auto processor = tokenizer_.find("post_processor");
    const nlohmann::json* single = processor == tokenizer_.end() ? nullptr : FindSingle(*processor);
    if (single != nullptr && !single->empty()) {
      const int32_t first = SpecialTokenOf(single->front()), last = SpecialTokenOf(single->back());
      adds_bos = first >= 0;
      if (first >= 0 && data_.bos_id < 0) data_.bos_id = first;
      adds_eos = single->size() > 1 && last >= 0;
    }
    data_.add_bos = adds_bos && data_.bos_id >= 0;
    data_.add_eos = adds_eos && data_.eos_id >= 0;
    return absl::OkStatus();
  }

  // The "single" array of a TemplateProcessing, which may be one of a sequence.
  static const nlohmann::json* FindSingle(const nlohmann::json& processor) {
    if (!processor.is_object()) return nullptr;
    const auto single = processor.find("single");
    if (single != processor.end() && single->is_array()) return &*single;
    const auto steps = processor.find("processors");
    if (steps == processor.end() || !steps->is_array()) return nullptr;
    for (const nlohmann::json& step : *steps) {
      const nlohmann::json* found = FindSingle(step);
      if (found != nullptr) return found;
    }
    return nullptr;
  }

  // The id in {"SpecialToken": {"id": "<s>", ...}}, -1 for {"Sequence": ...}.
  int32_t SpecialTokenOf(const nlohmann::json& piece) const {
    if (!piece.is_object()) return -1;
    const auto special = piece.find("SpecialToken");
    if (special == piece.end() || !special->is_object()) return -1;
    const auto id = special->find("id");
    const std::string* text = id == special->end() ? nullptr : JsonText(*id);
    return text == nullptr ? -1 : IdOf(*text);
  }

  // A string, or a list of named ones of which "default" is the one for chats.
  absl::Status ChatTemplate() {
    if (context_.tokenizer_config == nullptr) return absl::OkStatus();
    const auto field = context_.tokenizer_config->find("chat_template");
    if (field == context_.tokenizer_config->end()) return absl::OkStatus();
    if (const std::string* text = JsonText(*field)) {
      data_.chat_template = *text;
      return absl::OkStatus();
    }
    if (!field->is_array()) return absl::OkStatus();
    for (const nlohmann::json& named : *field) {
      if (!named.is_object()) continue;
      JsonFields fields("tokenizer_config.json", named);
      if (fields.Text("name") == "default") data_.chat_template = fields.Text("template");
      KL_RETURN_IF_ERROR(fields.status());
    }
    return absl::OkStatus();
  }

  const std::string path_;
  const nlohmann::json& tokenizer_;
  const HfTokenizerContext& context_;
  VocabularyData data_;
  std::string unknown_token_;
  absl::flat_hash_map<std::string, int32_t> ids_;
};

}  // namespace

absl::StatusOr<VocabularyData> TranslateHfTokenizer(absl::string_view path,
                                                    const nlohmann::json& tokenizer,
                                                    const HfTokenizerContext& context) {
  return Translator(path, tokenizer, context).Run();
}

}  // namespace kinglet
