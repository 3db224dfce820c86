#include "loaders/gguf/gguf_vocabulary.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {
namespace {

constexpr char kTokensKey[] = "tokenizer.ggml.tokens";

// Reads keys of one expected kind and keeps the first error, so that a list of keys reads as a
// list.
class KeyReader {
 public:
  KeyReader(absl::string_view path, const Metadata& metadata) : path_(path), metadata_(metadata) {}

  const absl::Status& status() const { return status_; }

  std::string Text(const char* key) {
    const auto* text = Get<std::string>(key, "a string");
    return text != nullptr ? *text : std::string();
  }

  std::vector<std::string> Texts(const char* key) {
    const auto* texts = Get<std::vector<std::string>>(key, "an array of strings");
    return texts != nullptr ? *texts : std::vector<std::string>();
  }

  std::vector<float> Floats(const char* key) {
    const auto* numbers = Get<std::vector<double>>(key, "an array of floats");
    return numbers != nullptr ? std::vector<float>(numbers->begin(), numbers->end())
                              : std::vector<float>();
  }

  std::vector<int32_t> Ints(const char* key) {
    std::vector<int32_t> ints;
    const auto* numbers = Get<std::vector<int64_t>>(key, "an array of integers");
    if (numbers == nullptr) return ints;
    ints.reserve(numbers->size());
    for (int64_t number : *numbers) ints.push_back(Narrow(key, number));
    return ints;
  }

  std::optional<bool> Flag(const char* key) {
    const auto* flag = Get<bool>(key, "a bool");
    return flag != nullptr ? std::optional<bool>(*flag) : std::nullopt;
  }

  // -1 when absent, or -1 as a u32, which writers use for "none".
  int32_t Id(const char* key) {
    constexpr int64_t kNoneUnsigned = std::numeric_limits<uint32_t>::max();
    const auto* id = Get<int64_t>(key, "an integer");
    if (id == nullptr || *id == kNoneUnsigned || *id == -1) return -1;
    const int32_t narrow = Narrow(key, *id);
    if (narrow < 0) Fail(key, "a token id", absl::StrCat(narrow));
    return narrow;
  }

 private:
  template <typename T>
  const T* Get(const char* key, const char* expected) {
    const MetadataValue* value = metadata_.Find(key);
    if (value == nullptr) return nullptr;
    const T* typed = std::get_if<T>(value);
    if (typed == nullptr) Fail(key, expected, "a value of another type");
    return typed;
  }

  int32_t Narrow(const char* key, int64_t number) {
    if (number < std::numeric_limits<int32_t>::min() ||
        number > std::numeric_limits<int32_t>::max()) {
      Fail(key, "numbers of 32 bits", absl::StrCat(number));
      return -1;
    }
    return static_cast<int32_t>(number);
  }

  void Fail(const char* key, absl::string_view expected, absl::string_view found) {
    if (status_.ok()) status_ = Corrupt(path_, absl::StrCat("key ", key), expected, found);
  }

  const absl::string_view path_;
  const Metadata& metadata_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::optional<VocabularyData>> ReadGgufVocabulary(absl::string_view path,
                                                                 const Metadata& metadata) {
  KeyReader keys(path, metadata);
  VocabularyData data;
  data.model = keys.Text("tokenizer.ggml.model");
  const bool no_tokenizer = data.model.empty() || data.model == "none" || data.model == "no_vocab";
  if (keys.status().ok() && no_tokenizer && metadata.Find(kTokensKey) == nullptr) {
    return std::optional<VocabularyData>();
  }
  data.pre = keys.Text("tokenizer.ggml.pre");
  data.tokens = keys.Texts(kTokensKey);
  data.scores = keys.Floats("tokenizer.ggml.scores");
  data.kinds = keys.Ints("tokenizer.ggml.token_type");
  data.merges = keys.Texts("tokenizer.ggml.merges");
  data.bos_id = keys.Id("tokenizer.ggml.bos_token_id");
  data.eos_id = keys.Id("tokenizer.ggml.eos_token_id");
  data.unknown_id = keys.Id("tokenizer.ggml.unknown_token_id");
  data.padding_id = keys.Id("tokenizer.ggml.padding_token_id");
  for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const int32_t id = keys.Id(key);
    if (id >= 0) data.extra_end_ids.push_back(id);
  }
  // Kinglet's own key: more ends than the two above have names for.
  for (int32_t id : keys.Ints("kinglet.end_token_ids")) data.extra_end_ids.push_back(id);
  data.add_bos = keys.Flag("tokenizer.ggml.add_bos_token");
  data.add_eos = keys.Flag("tokenizer.ggml.add_eos_token");
  data.add_space_prefix = keys.Flag("tokenizer.ggml.add_space_prefix");
  data.chat_template = keys.Text("tokenizer.chat_template");
  KL_RETURN_IF_ERROR(keys.status());
  const bool names_only = data.model == "llama" && data.scores.empty() && data.merges.empty();
  if (names_only) return std::optional<VocabularyData>();
  KL_RETURN_IF_ERROR(Annotate(ValidateVocabulary(data), path));
  return std::optional<VocabularyData>(std::move(data));
}

}  // namespace kinglet
