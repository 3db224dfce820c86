// A ModelSource as architecture plugins see it.
#ifndef KINGLET_CORE_EXEC_MODEL_VIEW_H_
#define KINGLET_CORE_EXEC_MODEL_VIEW_H_

#include "absl/container/node_hash_map.h"
#include "core/abi/architecture.h"
#include "core/model/model_source.h"

namespace kinglet {

// Borrows the source. One thread at a time: find_tensor keeps what it hands out.
class ModelView {
 public:
  explicit ModelView(const ModelSource& source);
  ModelView(const ModelView&) = delete;
  ModelView& operator=(const ModelView&) = delete;

  const kl_model_view* abi() const { return &view_; }

 private:
  static const ModelView& Of(const kl_model_view* view) { return *static_cast<ModelView*>(view->context); }
  static int32_t GetInt(const kl_model_view* view, const char* key, int64_t* value);
  static int32_t GetFloat(const kl_model_view* view, const char* key, double* value);
  static const char* GetString(const kl_model_view* view, const char* key);
  static uint64_t GetNumbers(const kl_model_view* view, const char* key, double* values, uint64_t capacity);
  static const kl_tensor* FindTensor(const kl_model_view* view, const char* name);

  const ModelSource& source_;
  absl::node_hash_map<std::string, kl_tensor> tensors_;
  kl_model_view view_ = {};
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_MODEL_VIEW_H_
