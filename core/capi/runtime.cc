// kl_runtime: puts plugins, scheduler and planner together.
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "core/base/cpu_info.h"
#include "core/base/log.h"
#include "core/base/status.h"
#include "core/capi/handles.h"
#include "core/memory/greedy_planner.h"
#include "core/plugin/registry.h"
#include "loaders/registry.h"
#include "schedulers/registry.h"

namespace kinglet {

kl_code NullArgument(const char* function, kl_error* error) {
  return FillError(absl::InvalidArgumentError(absl::StrCat(function, ": a required argument is NULL")), error);
}

absl::StatusOr<std::unique_ptr<ModelSource>> LoadAnySource(absl::string_view path) {
  return LoadSource(path, AllLoaders());
}

ProgressFunction WrapProgress(kl_progress_callback callback, void* user) {
  if (callback == nullptr) return nullptr;
  return [callback, user](const char* stage, uint64_t done, uint64_t total) {
    return callback(user, stage, done, total);
  };
}

namespace {

// "left=right" pairs; `what` names the list in errors.
absl::Status ReadPairs(const char* const* texts, uint32_t count, const char* what,
                       std::map<std::string, std::string>* pairs) {
  for (uint32_t i = 0; i < count; ++i) {
    const std::string text = texts[i];
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return absl::InvalidArgumentError(absl::StrCat(what, " \"", text, "\": expected NAME=VALUE"));
    }
    (*pairs)[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return absl::OkStatus();
}

// Arrays of strings are there as far as their count says, without holes.
absl::Status CheckStrings(const char* const* texts, uint32_t count, const char* what) {
  for (uint32_t i = 0; i < count; ++i) {
    if (texts == nullptr || texts[i] == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(what, ": ", count, " are announced, number ", i, " is NULL"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Registry>> LoadPlugins(const kl_runtime_options& options, const kl_cpu& cpu,
                                                      const Log* log) {
  KL_RETURN_IF_ERROR(CheckStrings(options.plugin_paths, options.plugin_path_count, "plugin_paths"));
  KL_RETURN_IF_ERROR(CheckStrings(options.disabled_plugins, options.disabled_plugin_count, "disabled_plugins"));
  KL_RETURN_IF_ERROR(CheckStrings(options.pinned_kernels, options.pinned_kernel_count, "pinned_kernels"));
  KL_RETURN_IF_ERROR(CheckStrings(options.plugin_options, options.plugin_option_count, "plugin_options"));
  RegistryOptions wanted;
  wanted.cpu = cpu;
  wanted.log = log;
  if (options.plugin_folder != nullptr) wanted.plugin_folder = options.plugin_folder;
  wanted.extra_plugin_paths.assign(options.plugin_paths, options.plugin_paths + options.plugin_path_count);
  for (uint32_t i = 0; i < options.disabled_plugin_count; ++i) wanted.disabled_plugins.insert(options.disabled_plugins[i]);
  KL_RETURN_IF_ERROR(ReadPairs(options.pinned_kernels, options.pinned_kernel_count, "pinned kernel",
                               &wanted.pinned_kernels));
  KL_RETURN_IF_ERROR(ReadPairs(options.plugin_options, options.plugin_option_count, "plugin option",
                               &wanted.plugin_options));
  return Registry::Create(wanted);
}

absl::StatusOr<std::unique_ptr<kl_runtime>> CreateRuntime(const kl_runtime_options& options) {
  auto handle = std::make_unique<kl_runtime>();
  if (options.log != nullptr) {
    const kl_log_callback log = options.log;
    void* const user = options.log_user;
    handle->log = std::make_unique<Log>(KL_LOG_DEBUG, [log, user](kl_log_level level, absl::string_view message) {
      log(user, level, std::string(message).c_str());
    });
  }
  if (options.thread_count < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("thread_count is ", options.thread_count, "; expected 0 (all usable cores) or more"));
  }
  const int thread_count = options.thread_count > 0 ? options.thread_count : static_cast<int>(UsableThreadCount());
  KL_ASSIGN_OR_RETURN(std::unique_ptr<Scheduler> scheduler,
                      CreateScheduler(options.scheduler == nullptr ? "pool" : options.scheduler, thread_count));
  KL_ASSIGN_OR_RETURN(std::unique_ptr<Registry> registry, LoadPlugins(options, ProbeCpu(), handle->log.get()));
  for (const auto& plugin : registry->plugins()) {
    handle->plugins.push_back({plugin->name(), plugin->version(), plugin->path(), "",
                               static_cast<uint32_t>(plugin->tables().kernels.size()),
                               static_cast<uint32_t>(plugin->tables().architectures.size()), plugin->checksum()});
  }
  for (const PluginFailure& failure : registry->failures()) {
    handle->plugins.push_back({failure.name, "", failure.path, std::string(failure.status.message()), 0, 0, 0});
  }
  Registry* plugins = registry.get();
  handle->runtime = std::make_unique<Runtime>(std::move(registry), std::move(scheduler), &GreedyPlanner());
  Runtime* runtime = handle->runtime.get();
  plugins->host().set_parallel_for(
      [runtime](int64_t count, kl_parallel_body body, void* context) { runtime->ParallelFor(count, body, context); });
  return handle;
}

}  // namespace
}  // namespace kinglet

const char* kl_version(void) { return "0.1.0"; }

const char* kl_code_name(kl_code code) {
  switch (code) {
#define KL_CODE_NAME(name) \
  case name:               \
    return #name;
    KL_CODE_NAME(KL_OK)
    KL_CODE_NAME(KL_INVALID_ARGUMENT)
    KL_CODE_NAME(KL_UNSUPPORTED)
    KL_CODE_NAME(KL_NOT_FOUND)
    KL_CODE_NAME(KL_DATA_CORRUPT)
    KL_CODE_NAME(KL_IO_ERROR)
    KL_CODE_NAME(KL_OUT_OF_MEMORY)
    KL_CODE_NAME(KL_OUT_OF_BUDGET)
    KL_CODE_NAME(KL_VERSION_MISMATCH)
    KL_CODE_NAME(KL_CANCELLED)
    KL_CODE_NAME(KL_FAILED_PRECONDITION)
    KL_CODE_NAME(KL_INTERNAL)
#undef KL_CODE_NAME
    default:
      return "unknown";
  }
}

void kl_runtime_default_options(kl_runtime_options* options) {
  if (options == nullptr) return;
  kl_runtime_options defaults = {};
  defaults.scheduler = "pool";
  kinglet::CopyStruct(defaults, options);
}

kl_code kl_runtime_create(const kl_runtime_options* options, kl_runtime** runtime, kl_error* error) {
  if (runtime == nullptr) return kinglet::NullArgument("kl_runtime_create", error);
  auto created = kinglet::CreateRuntime(kinglet::OptionsOr(options, kl_runtime_default_options));
  if (!created.ok()) return kinglet::FillError(created.status(), error);
  *runtime = created->release();
  return KL_OK;
}

void kl_runtime_free(kl_runtime* runtime) { delete runtime; }

int32_t kl_runtime_thread_count(const kl_runtime* runtime) {
  if (runtime == nullptr) return 0;
  return runtime->runtime->thread_count();
}

uint32_t kl_runtime_plugin_count(const kl_runtime* runtime) {
  if (runtime == nullptr) return 0;
  return static_cast<uint32_t>(runtime->plugins.size());
}

kl_code kl_runtime_plugin(const kl_runtime* runtime, uint32_t index, kl_plugin_facts* facts) {
  if (runtime == nullptr || facts == nullptr) return KL_INVALID_ARGUMENT;
  if (index >= runtime->plugins.size()) return KL_INVALID_ARGUMENT;
  const kl_runtime::Plugin& plugin = runtime->plugins[index];
  kinglet::CopyStruct({sizeof(kl_plugin_facts), plugin.name.c_str(), plugin.version.c_str(), plugin.path.c_str(),
                       plugin.failure.empty() ? nullptr : plugin.failure.c_str(), plugin.kernel_count,
                       plugin.architecture_count, plugin.checksum},
                      facts);
  return KL_OK;
}
