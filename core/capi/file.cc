// kl_file: metadata and tensor list without loading.
#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/fault_guard.h"
#include "core/base/status.h"
#include "core/capi/handles.h"
#include "core/model/fingerprint.h"

namespace {

constexpr size_t kShownElements = 8;

struct Rendered {
  const char* kind;
  std::string value;
};

template <typename T>
Rendered RenderArray(const std::vector<T>& array) {
  std::string text = absl::StrCat("[", array.size(), "] ");
  for (size_t i = 0; i < array.size() && i < kShownElements; ++i) absl::StrAppend(&text, i == 0 ? "" : ", ", array[i]);
  if (array.size() > kShownElements) absl::StrAppend(&text, ", ...");
  return {"array", text};
}

struct Renderer {
  Rendered operator()(int64_t value) const { return {"int", absl::StrCat(value)}; }
  Rendered operator()(double value) const { return {"float", absl::StrCat(value)}; }
  Rendered operator()(bool value) const { return {"bool", value ? "true" : "false"}; }
  Rendered operator()(const std::string& value) const { return {"string", value}; }
  template <typename T>
  Rendered operator()(const std::vector<T>& value) const {
    return RenderArray(value);
  }
};

}  // namespace

kl_code kl_file_open(const char* path, kl_file** file, kl_error* error) {
  if (path == nullptr || file == nullptr) return kinglet::NullArgument("kl_file_open", error);
  auto source = kinglet::LoadAnySource(path);
  if (!source.ok()) return kinglet::FillError(source.status(), error);
  auto handle = std::make_unique<kl_file>();
  handle->source = *std::move(source);
  for (const auto& entry : handle->source->metadata.entries()) {
    const Rendered rendered = std::visit(Renderer(), entry.second);
    handle->entries.push_back({entry.first, rendered.kind, rendered.value});
  }
  *file = handle.release();
  return KL_OK;
}

void kl_file_free(kl_file* file) { delete file; }
const char* kl_file_format(const kl_file* file) {
  if (file == nullptr) return "";
  return file->source->format.c_str();
}
const char* kl_file_architecture(const kl_file* file) {
  if (file == nullptr) return "";
  return file->source->architecture.c_str();
}
uint64_t kl_file_bytes(const kl_file* file) {
  if (file == nullptr) return 0;
  return file->source->file_bytes;
}
uint32_t kl_file_metadata_count(const kl_file* file) {
  if (file == nullptr) return 0;
  return static_cast<uint32_t>(file->entries.size());
}
kl_code kl_file_fingerprint(const kl_file* file, uint64_t* fingerprint, kl_error* error) {
  if (file == nullptr || fingerprint == nullptr) return kinglet::NullArgument("kl_file_fingerprint", error);
  return kinglet::FillError(
      kinglet::RunGuarded(file->source->path, [&] { *fingerprint = kinglet::FingerprintOf(*file->source); }), error);
}

bool kl_file_is_network(const kl_file* file) {
  if (file == nullptr) return false;
  return file->source->graph.has_value();
}

kl_code kl_file_metadata(const kl_file* file, uint32_t index, kl_metadata_entry* entry) {
  if (file == nullptr || entry == nullptr) return KL_INVALID_ARGUMENT;
  if (index >= file->entries.size()) return KL_INVALID_ARGUMENT;
  const kl_file::Entry& from = file->entries[index];
  kinglet::CopyStruct({sizeof(kl_metadata_entry), from.key.c_str(), from.kind.c_str(), from.value.c_str()}, entry);
  return KL_OK;
}

uint32_t kl_file_tensor_count(const kl_file* file) {
  if (file == nullptr) return 0;
  return static_cast<uint32_t>(file->source->tensors.size());
}

kl_code kl_file_tensor(const kl_file* file, uint32_t index, kl_tensor_facts* facts) {
  if (file == nullptr || facts == nullptr) return KL_INVALID_ARGUMENT;
  if (index >= file->source->tensors.size()) return KL_INVALID_ARGUMENT;
  const kinglet::SourceTensor& tensor = file->source->tensors[index];
  kl_tensor_facts from = {};
  from.name = tensor.name.c_str();
  from.type = kl_dtype_info_of(tensor.type).name;
  from.rank = static_cast<int32_t>(std::min<size_t>(tensor.shape.size(), KL_MAX_RANK));
  for (int32_t d = 0; d < from.rank; ++d) from.shape[d] = tensor.shape[static_cast<size_t>(d)];
  from.bytes = tensor.bytes;
  from.file_offset = tensor.file_offset;
  kinglet::CopyStruct(from, facts);
  return KL_OK;
}
