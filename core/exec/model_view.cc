#include "core/exec/model_view.h"

#include <algorithm>

namespace kinglet {

ModelView::ModelView(const ModelSource& source) : source_(source) {
  for (const SourceTensor& tensor : source.tensors) {
    if (tensor.shape.size() > KL_MAX_RANK) continue;
    kl_tensor facts = {};
    facts.struct_size = sizeof facts;
    facts.type = tensor.type;
    facts.rank = static_cast<int32_t>(tensor.shape.size());
    std::copy(tensor.shape.begin(), tensor.shape.end(), facts.shape);
    tensors_.emplace(tensor.name, facts);
  }
  view_.struct_size = sizeof view_;
  view_.context = this;
  view_.get_int = GetInt;
  view_.get_float = GetFloat;
  view_.get_string = GetString;
  view_.get_numbers = GetNumbers;
  view_.find_tensor = FindTensor;
}

int32_t ModelView::GetInt(const kl_model_view* view, const char* key, int64_t* value) {
  const auto found = Of(view).source_.metadata.Int(key);
  if (!found.has_value()) return 0;
  *value = *found;
  return 1;
}

int32_t ModelView::GetFloat(const kl_model_view* view, const char* key, double* value) {
  const auto found = Of(view).source_.metadata.Float(key);
  if (!found.has_value()) return 0;
  *value = *found;
  return 1;
}

const char* ModelView::GetString(const kl_model_view* view, const char* key) {
  const MetadataValue* value = Of(view).source_.metadata.Find(key);
  const std::string* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? nullptr : text->c_str();
}

uint64_t ModelView::GetNumbers(const kl_model_view* view, const char* key, double* values, uint64_t capacity) {
  const MetadataValue* value = Of(view).source_.metadata.Find(key);
  if (value == nullptr) return 0;
  const auto copy = [&](const auto& array) {
    const uint64_t count = std::min<uint64_t>(capacity, array.size());
    for (uint64_t i = 0; i < count; ++i) values[i] = static_cast<double>(array[i]);
    return static_cast<uint64_t>(array.size());
  };
  if (const auto* ints = std::get_if<std::vector<int64_t>>(value)) return copy(*ints);
  if (const auto* floats = std::get_if<std::vector<double>>(value)) return copy(*floats);
  return 0;
}

const kl_tensor* ModelView::FindTensor(const kl_model_view* view, const char* name) {
  const auto& tensors = Of(view).tensors_;
  const auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : &it->second;
}

}  // namespace kinglet
