#include "core/model/model_source.h"

#include <sys/stat.h>

#include <cstring>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace kinglet {

bool Metadata::Insert(std::string key, MetadataValue value) {
  return entries_.emplace(std::move(key), std::move(value)).second;
}

const MetadataValue* Metadata::Find(absl::string_view key) const {
  const auto it = entries_.find(std::string(key));
  return it == entries_.end() ? nullptr : &it->second;
}

void Metadata::Erase(absl::string_view key) { entries_.erase(std::string(key)); }

std::optional<int64_t> Metadata::Int(absl::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<int64_t>(value)) return *number;
  if (const auto* flag = std::get_if<bool>(value)) return *flag ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Metadata::Float(absl::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* whole = std::get_if<int64_t>(value)) return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<std::string> Metadata::String(absl::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(value)) return *text;
  return std::nullopt;
}

const SourceTensor* ModelSource::Find(absl::string_view name) const {
  const auto it = tensor_index.find(std::string(name));
  return it == tensor_index.end() ? nullptr : &tensors[it->second];
}

void ModelSource::DropVocabulary() {
  vocabulary.reset();
  for (const char* key : {"tokenizer.ggml.tokens", "tokenizer.ggml.scores",
                          "tokenizer.ggml.token_type", "tokenizer.ggml.merges"}) {
    metadata.Erase(key);
  }
}

absl::Status SourceTensor::Peek(uint64_t offset, uint64_t bytes, void* to) const {
  if (file != nullptr) return file->Peek(file_offset + offset, bytes, to);
  if (bytes > 0) memcpy(to, data + offset, bytes);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ModelSource>> LoadSource(absl::string_view path,
                                                        const std::vector<const Loader*>& loaders) {
  const std::string name(path);
  struct stat facts = {};
  if (stat(name.c_str(), &facts) != 0) {
    return absl::NotFoundError(
        absl::StrCat(path, ": no such file or folder; give a model file or a Hugging Face folder"));
  }
  std::string head;
  if (S_ISREG(facts.st_mode)) {
    std::ifstream file(name, std::ios::binary);
    head.resize(64);
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<size_t>(file.gcount()));
  }
  std::vector<std::string> tried;
  for (const Loader* loader : loaders) {
    if (loader->Recognises(path, head)) return loader->Load(path);
    tried.emplace_back(loader->format());
  }
  return absl::UnimplementedError(absl::StrCat(
      path, ": not a model in a format that is known here (", absl::StrJoin(tried, ", "), ")"));
}

}  // namespace kinglet
