// What the opaque handles of kinglet.h are. Private to core/capi.
#ifndef KINGLET_CORE_CAPI_HANDLES_H_
#define KINGLET_CORE_CAPI_HANDLES_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/base/log.h"
#include "core/capi/kinglet.h"
#include "core/exec/model.h"
#include "core/exec/network.h"
#include "core/exec/network_probe.h"
#include "core/exec/runtime.h"
#include "core/exec/session.h"
#include "core/model/model_source.h"

struct kl_runtime {
  std::unique_ptr<kinglet::Log> log;  // before the runtime: plugins log until they are unloaded
  std::unique_ptr<kinglet::Runtime> runtime;
  struct Plugin {
    std::string name, version, path, failure;
    uint32_t kernel_count = 0;
    uint32_t architecture_count = 0;
    uint64_t checksum = 0;
  };
  std::vector<Plugin> plugins;
};

struct kl_file {
  std::unique_ptr<kinglet::ModelSource> source;
  struct Entry {
    std::string key, kind, value;
  };
  std::vector<Entry> entries;
};

struct kl_model {
  std::unique_ptr<kinglet::Model> model;
  std::string name;
  std::string chat_template;  // recognised
  std::string plan_text;
  mutable std::string expert_text;
  mutable std::string pressure_text;
  mutable std::string memory_text;
  mutable std::string weight_text;
  mutable std::string bank_text;
};

struct kl_session {
  std::unique_ptr<kinglet::Session> session;
  int32_t batch = 0;
  mutable std::string memory_text;
};

struct kl_network {
  std::unique_ptr<kinglet::Network> network;
  std::string plan_text;
};

struct kl_network_probe {
  std::unique_ptr<kinglet::NetworkProbe> probe;
  std::vector<std::string> plugins;  // of each node's kernel
};

namespace kinglet {

// Copies the fields that both sides know of a struct that starts with struct_size, and keeps the reader's size.
template <typename T>
void CopyStruct(const T& from, T* to) {
  const uint32_t size = to->struct_size;
  std::memcpy(to, &from, std::min<size_t>(size, sizeof(T)));
  to->struct_size = size;
}

// The caller's options over the defaults, as far as the caller's struct reaches; NULL: the defaults.
template <typename T>
T OptionsOr(const T* given, void (*defaults)(T*)) {
  T options = {};
  options.struct_size = sizeof(T);
  defaults(&options);
  if (given != nullptr) {
    std::memcpy(&options, given, std::min<size_t>(given->struct_size, sizeof(T)));
    options.struct_size = sizeof(T);
  }
  return options;
}

// The size protocol of calls that fill an array: at most `capacity` elements, always the full count.
template <typename T>
void CopyArray(const std::vector<T>& from, T* to, size_t capacity, size_t* count) {
  if (count != nullptr) *count = from.size();
  const size_t copied = std::min(capacity, from.size());
  if (copied > 0) std::memcpy(to, from.data(), copied * sizeof(T));
}

// What a call that hands out an array answers for a NULL handle.
template <typename T>
const T* Nothing(size_t* count) {
  if (count != nullptr) *count = 0;
  return nullptr;
}

// An error for arguments that must not be NULL.
kl_code NullArgument(const char* function, kl_error* error);

// Every format that this build reads.
absl::StatusOr<std::unique_ptr<ModelSource>> LoadAnySource(absl::string_view path);

// The memory bank that the options name, and its encoder.
absl::StatusOr<std::unique_ptr<MemoryParts>> OpenMemoryParts(const kl_model_options& options);
// What a caller asks for, in the core's words.
ModelOptions ModelOptionsOf(const kl_model_options& given);

ProgressFunction WrapProgress(kl_progress_callback callback, void* user);

}  // namespace kinglet

#endif  // KINGLET_CORE_CAPI_HANDLES_H_
