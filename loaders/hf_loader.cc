// Hugging Face folders, or one .safetensors file with its configuration beside it.
//
//   config.json                       the shape; of FILE.safetensors also FILE_config.json
//   model.safetensors                 the weights, or
//   model.safetensors.index.json      which shard holds which
//   tokenizer.json                    optional: without it the model takes token ids
//   tokenizer_config.json, chat_template.jinja, generation_config.json      optional
#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/model/model_source.h"
#include "loaders/common/errors.h"
#include "loaders/common/json_file.h"
#include "loaders/common/readable.h"
#include "loaders/common/semantic_checks.h"
#include "loaders/hf/hf_config.h"
#include "loaders/hf/hf_tokenizer.h"
#include "loaders/hf/safetensors.h"
#include "loaders/hf/tensor_names.h"

namespace kinglet {
namespace {

constexpr char kWeights[] = "/model.safetensors";
constexpr char kIndex[] = "/model.safetensors.index.json";
constexpr char kSuffix[] = ".safetensors";

bool Exists(const std::string& path) {
  struct stat facts = {};
  return stat(path.c_str(), &facts) == 0;
}

bool IsFolder(const std::string& path) {
  struct stat facts = {};
  return stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

// The JSON object in a file that need not be there.
absl::StatusOr<std::optional<nlohmann::json>> ReadOptionalJson(const std::string& path) {
  if (!Exists(path)) return std::optional<nlohmann::json>();
  KL_ASSIGN_OR_RETURN(nlohmann::json value, ReadJsonFile(path));
  return std::optional<nlohmann::json>(std::move(value));
}

class FolderReader {
 public:
  explicit FolderReader(absl::string_view path) : path_(path) {
    while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
    is_folder_ = IsFolder(path_);
    const size_t slash = path_.rfind('/');
    folder_ = is_folder_ ? path_ : slash == std::string::npos ? "." : path_.substr(0, slash);
  }

  absl::StatusOr<std::unique_ptr<ModelSource>> Run() {
    source_ = std::make_unique<ModelSource>();
    source_->path = path_;
    source_->format = "hf";
    KL_RETURN_IF_ERROR(ReadConfig());
    KL_RETURN_IF_ERROR(ReadGenerationConfig());
    KL_RETURN_IF_ERROR(ReadWeights());
    KL_RETURN_IF_ERROR(ReadTokenizer());
    KL_RETURN_IF_ERROR(CheckSemantics(*source_));
    // The headers are not needed again; what kernels read comes back when they do.
    for (const auto& file : source_->files) file->Discard(0, file->size());
    return std::move(source_);
  }

 private:
  absl::Status ReadConfig() {
    std::string path = folder_ + "/config.json";
    if (!is_folder_) {
      const std::string own = absl::StrCat(absl::StripSuffix(path_, kSuffix), "_config.json");
      if (Exists(own)) path = own;
    }
    if (!Exists(path)) {
      return absl::NotFoundError(
          absl::StrCat(path_, ": expected the model's configuration in ", path,
                       ", found no such file; fetch it from where the weights came from"));
    }
    KL_ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonFile(path));
    KL_ASSIGN_OR_RETURN(config_, TranslateHfConfig(path, json));
    source_->architecture = config_.architecture;
    source_->metadata = std::move(config_.metadata);
    return absl::OkStatus();
  }

  // Its ends of text come first: it is what text generation goes by.
  absl::Status ReadGenerationConfig() {
    const std::string path = folder_ + "/generation_config.json";
    KL_ASSIGN_OR_RETURN(const std::optional<nlohmann::json> json, ReadOptionalJson(path));
    if (!json.has_value()) return absl::OkStatus();
    JsonFields fields(path, *json);
    std::vector<int64_t> ids = fields.Ints("eos_token_id");
    KL_RETURN_IF_ERROR(fields.status());
    ids.insert(ids.end(), config_.eos_ids.begin(), config_.eos_ids.end());
    config_.eos_ids = std::move(ids);
    return absl::OkStatus();
  }

  absl::Status ReadWeights() {
    if (!is_folder_) return AddFile(path_, nullptr);
    if (Exists(folder_ + kWeights)) return AddFile(folder_ + kWeights, nullptr);
    if (Exists(folder_ + kIndex)) return ReadShards();
    return absl::NotFoundError(
        absl::StrCat(path_,
                     ": expected model.safetensors or model.safetensors.index.json, found "
                     "neither; weights in another format have to be converted"));
  }

  absl::Status ReadShards() {
    const std::string path = folder_ + kIndex;
    KL_ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonFile(path));
    JsonFields fields(path, json);
    const nlohmann::json* map = fields.Object("weight_map");
    KL_RETURN_IF_ERROR(fields.status());
    if (map == nullptr) return Corrupt(path, "field \"weight_map\"", "an object", "none");
    std::map<std::string, absl::flat_hash_set<std::string>> names_by_file;
    for (const auto& [name, file] : map->items()) {
      const std::string* text = JsonText(file);
      // An index must not point out of its folder.
      if (text == nullptr || !absl::EndsWith(*text, kSuffix) || absl::StrContains(*text, '/')) {
        return Corrupt(path, absl::StrCat("tensor ", Quoted(name)),
                       "the name of a .safetensors file in this folder",
                       text == nullptr ? std::string(file.type_name()) : Quoted(*text));
      }
      names_by_file[*text].insert(name);
    }
    for (const auto& [file, names] : names_by_file) {
      KL_RETURN_IF_ERROR(AddFile(absl::StrCat(folder_, "/", file), &names));
    }
    return absl::OkStatus();
  }

  // Takes the tensors of a file; `wanted`: those that the index puts there, NULL: all.
  absl::Status AddFile(const std::string& path, const absl::flat_hash_set<std::string>* wanted) {
    KL_ASSIGN_OR_RETURN(SafetensorsFile file, ReadSafetensors(path));
    size_t found = 0;
    for (SourceTensor& tensor : file.tensors) {
      if (wanted != nullptr && !wanted->contains(tensor.name)) continue;
      found++;
      KL_RETURN_IF_ERROR(AddTensor(path, std::move(tensor)));
    }
    if (wanted != nullptr && found != wanted->size()) {
      return Corrupt(path, "the file",
                     absl::StrCat("the ", wanted->size(), " tensors that the index puts there"),
                     absl::StrCat(found, " of them"));
    }
    source_->file_bytes += file.file->size();
    source_->files.push_back(std::move(file.file));
    return absl::OkStatus();
  }

  absl::Status AddTensor(const std::string& path, SourceTensor tensor) {
    const std::optional<std::string> name = GgufTensorName(tensor.name);
    if (!name.has_value()) {
      const absl::Status refused =
          Corrupt(path, absl::StrCat("tensor ", Quoted(tensor.name)),
                  absl::StrCat("a weight of architecture ", source_->architecture),
                  "one that Kinglet does not know, and leaving it out would change the model");
      return absl::UnimplementedError(refused.message());
    }
    if (name->empty() || (config_.tied_head && *name == "output.weight")) return absl::OkStatus();
    tensor.name = *name;
    if (!source_->tensor_index.emplace(tensor.name, source_->tensors.size()).second) {
      return Corrupt(path, absl::StrCat("tensor ", tensor.name), "one of the name", "another");
    }
    source_->tensors.push_back(std::move(tensor));
    return absl::OkStatus();
  }

  absl::Status ReadTokenizer() {
    const std::string path = folder_ + "/tokenizer.json";
    KL_ASSIGN_OR_RETURN(const std::optional<nlohmann::json> tokenizer, ReadOptionalJson(path));
    if (!tokenizer.has_value()) return absl::OkStatus();
    KL_ASSIGN_OR_RETURN(const std::optional<nlohmann::json> config,
                        ReadOptionalJson(folder_ + "/tokenizer_config.json"));
    HfTokenizerContext context;
    context.tokenizer_config = config.has_value() ? &*config : nullptr;
    context.bos_id = config_.bos_id;
    context.eos_ids = config_.eos_ids;
    KL_ASSIGN_OR_RETURN(source_->vocabulary, TranslateHfTokenizer(path, *tokenizer, context));
    return ReadTemplateFile();
  }

  // Newer folders keep the template in a file of its own, which then counts.
  absl::Status ReadTemplateFile() {
    const std::string path = folder_ + "/chat_template.jinja";
    if (!Exists(path)) return absl::OkStatus();
    KL_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(path));
    KL_RETURN_IF_ERROR(CheckReadable(*file, 0, file->size()));
    source_->vocabulary->chat_template.assign(reinterpret_cast<const char*>(file->data()),
                                              file->size());
    return absl::OkStatus();
  }

  std::string path_;
  std::string folder_;
  bool is_folder_ = false;
  HfConfig config_;
  std::unique_ptr<ModelSource> source_;
};

class HfLoader : public Loader {
 public:
  absl::string_view format() const override { return "hf"; }

  bool Recognises(absl::string_view path, absl::string_view head) const override {
    const std::string name(path);
    if (IsFolder(name)) {
      return Exists(name + "/config.json") || Exists(name + kWeights) || Exists(name + kIndex);
    }
    return absl::EndsWith(path, kSuffix) || LooksLikeSafetensors(head);
  }

  absl::StatusOr<std::unique_ptr<ModelSource>> Load(absl::string_view path) const override {
    return FolderReader(path).Run();
  }
};

}  // namespace

const Loader* hf_loader();  // for the generated table

const Loader* hf_loader() {
  static const HfLoader loader;
  return &loader;
}

}  // namespace kinglet
