#include "tools/common/engine.h"

#include <cstdio>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/abi/host.h"
#include "tools/common/interrupt.h"
#include "tools/common/progress.h"

namespace kinglet::tools {
namespace {

struct LogContext {
  const char* command;
  int32_t most;  // the least important level that is shown
};

void Log(void* user, int32_t level, const char* message) {
  const LogContext& context = *static_cast<const LogContext*>(user);
  if (level > context.most) return;
  const char* kind = level == KL_LOG_ERROR ? "error: " : level == KL_LOG_WARNING ? "warning: " : "";
  std::fprintf(stderr, "kinglet %s: %s%s\n", context.command, kind, message);
}

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

void ReportPlugins(const char* command, const EngineFlags& flags, const kl_runtime* runtime) {
  for (uint32_t i = 0; i < kl_runtime_plugin_count(runtime); ++i) {
    kl_plugin_facts facts = {};
    facts.struct_size = sizeof facts;
    if (kl_runtime_plugin(runtime, i, &facts) != KL_OK) continue;
    if (facts.failure != nullptr) {
      std::fprintf(stderr, "kinglet %s: warning: plugin %s is left out: %s\n", command,
                   facts.name[0] != '\0' ? facts.name : facts.path, facts.failure);
    } else if (flags.verbose) {
      std::fprintf(stderr, "plugin %s %s: %u kernels, %u architectures (%s)\n", facts.name,
                   facts.version, facts.kernel_count, facts.architecture_count, facts.path);
    }
  }
}

struct LoadContext {
  Progress progress;
};

bool ShowLoading(void* user, const char* stage, uint64_t done, uint64_t total) {
  static_cast<LoadContext*>(user)->progress.Show(absl::StrCat("loading (", stage, ")"), done,
                                                 total);
  return Interrupt::CurrentCount() == 0;
}

kl_dtype CacheTypeOf(const std::string& name) {
  if (name == "f32") return KL_TYPE_F32;
  if (name == "f16") return KL_TYPE_F16;
  return name == "q8_0" ? KL_TYPE_Q8_0 : KL_TYPE_NONE;
}

}  // namespace

void EngineFlags::DeclareThreads(OptionTable* options) {
  options->Integer({"-t", "--threads"}, "N", &threads, {0, 1024},
                   "threads; 0: the physical big cores that this process may use");
}

void EngineFlags::Declare(OptionTable* options) {
  options->Group("Plugins");
  options->Text({"--scheduler"}, "NAME", &scheduler, "how work is shared out: pool or serial");
  options->Texts({"--plugin"}, "FILE", &plugins, "a further plugin; may be repeated");
  options->Text({"--plugin-folder"}, "FOLDER", &plugin_folder,
                "where plugins are; without it the folder 'plugins' beside this program");
  options->Texts({"--disable-plugin"}, "NAME", &disabled_plugins, "go without it; may be repeated");
  options->Texts({"--plugin-option"}, "NAME.KEY=VALUE", &plugin_options,
                 "a setting of a plugin; may be repeated");
  options->Texts({"--kernel"}, "OP=NAME", &kernels,
                 "compute this operator with this kernel; may be repeated");
  options->Flag({"-v", "--verbose"}, &verbose,
                "say on stderr which plugins and kernels are in use, and why others are not");
}

void EngineFlags::DeclareArena(OptionTable* options) {
  options->Bytes({"--memory"}, "SIZE", &memory_bytes,
                 "limit for activations and kernels' scratch, such as 256KiB; the first blocks run "
                 "by patches where that is needed, with the same results");
}

void EngineFlags::DeclareMemory(OptionTable* options) {
  options->Bytes({"--memory"}, "SIZE", &memory_bytes,
                 "budget for all that stays in memory, such as 1GiB; experts that do not fit are "
                 "read from storage when they are needed; 0: none");
  options->Choice({"--cache-type"}, {"auto", "f32", "f16", "q8_0"}, &cache_type,
                  "of the KV cache; auto: f32 for a model of f32 weights, f16 for all others");
  options->Choice({"-ctk", "--cache-type-k"}, {"auto", "f32", "f16", "q8_0"}, &key_cache_type,
                  "of its keys; auto: what --cache-type says");
  options->Choice({"-ctv", "--cache-type-v"}, {"auto", "f32", "f16", "q8_0"}, &value_cache_type,
                  "of its values; auto: what --cache-type says");
  options->Text({"--experts"}, "FILE", &expert_file,
                "read experts from this file of kinglet prepare; without it from the one beside "
                "the model, or from the model");
  options->Text({"--expert-profile"}, "FILE", &expert_profile,
                "keep the most used experts of this file in memory (at most half of the cache); "
                "kinglet replay --write-profile makes it from a recording of this model");
  options->Text({"--expert-policy"}, "NAME", &expert_policy,
                "which experts stay in memory: lru, lfu, s3fifo ...; without it the one that "
                "measured best");
  options->Choice({"--expert-reader"}, {"auto", "io_uring", "pread", "buffered"}, &expert_reader,
                  "how experts are read; auto: the first of these that the system allows");
  options->Flag({"--no-prefetch"}, &no_prefetch,
                "read only the experts that were chosen, guess at none");
  options->Flag({"--verify-once"}, &verify_once,
                "check an expert's checksum when it is read for the first time, and again only after "
                "the file has changed: less to do where experts are read again and again");
  options->Flag({"--ignore-pressure"}, &ignore_pressure,
                "keep the cache of experts as large as the budget allows, also while the system is "
                "short of memory");
  options->Flag({"--packed-cache"}, &packed_cache,
                "keep the weights as the kernels want them in a file beside the model, "
                "MODEL.kinglet-packed, and map it the next time instead of packing anew; not with "
                "--memory");
  bank.Declare(options);
}

Failure CreateRuntime(const char* command, const EngineFlags& flags, RuntimeHandle* runtime) {
  // The library keeps the pointer for as long as the runtime lives.
  static LogContext log;
  log = {command, KL_LOG_ERROR};  // plugins are reported below, in one form
  kl_runtime_options options = {};
  options.struct_size = sizeof options;
  kl_runtime_default_options(&options);
  const std::vector<const char*> plugins = Pointers(flags.plugins);
  const std::vector<const char*> disabled = Pointers(flags.disabled_plugins);
  const std::vector<const char*> kernels = Pointers(flags.kernels);
  const std::vector<const char*> settings = Pointers(flags.plugin_options);
  options.thread_count = static_cast<int32_t>(flags.threads);
  options.scheduler = flags.scheduler.c_str();
  options.plugin_folder = flags.plugin_folder.empty() ? nullptr : flags.plugin_folder.c_str();
  options.plugin_paths = plugins.data();
  options.plugin_path_count = static_cast<uint32_t>(plugins.size());
  options.disabled_plugins = disabled.data();
  options.disabled_plugin_count = static_cast<uint32_t>(disabled.size());
  options.pinned_kernels = kernels.data();
  options.pinned_kernel_count = static_cast<uint32_t>(kernels.size());
  options.plugin_options = settings.data();
  options.plugin_option_count = static_cast<uint32_t>(settings.size());
  options.log = Log;
  options.log_user = &log;
  kl_error error = NoError();
  kl_runtime* created = nullptr;
  const kl_code code = kl_runtime_create(&options, &created, &error);
  if (code != KL_OK) {
    Failure failure = FailureOf(code, error);
    // What the flags ask for is a matter of usage; all else concerns plugins.
    if (code != KL_INVALID_ARGUMENT && code != KL_OUT_OF_MEMORY) failure.exit_status = kExitPlugin;
    return failure;
  }
  runtime->reset(created);
  ReportPlugins(command, flags, created);
  log.most = flags.verbose ? KL_LOG_INFO : KL_LOG_WARNING;
  return Success();
}

kl_model_options ModelOptionsOf(const EngineFlags& flags) {
  kl_model_options options = {};
  options.struct_size = sizeof options;
  kl_model_default_options(&options);
  options.memory_bytes = flags.memory_bytes;
  if (!flags.expert_policy.empty()) options.expert_policy = flags.expert_policy.c_str();
  if (flags.expert_reader != "auto") options.expert_reader = flags.expert_reader.c_str();
  if (!flags.expert_file.empty()) options.expert_file = flags.expert_file.c_str();
  if (!flags.expert_profile.empty()) options.expert_profile = flags.expert_profile.c_str();
  options.ignore_memory_pressure = flags.ignore_pressure;
  options.no_expert_prefetch = flags.no_prefetch;
  options.verify_experts_once = flags.verify_once;
  options.session_context_length = flags.session_context_length;
  options.session_batch = flags.session_batch;
  options.cache_type = CacheTypeOf(flags.cache_type);
  options.key_cache_type = CacheTypeOf(flags.key_cache_type);
  options.value_cache_type = CacheTypeOf(flags.value_cache_type);
  options.packed_cache = flags.packed_cache;
  return options;
}

Failure LoadModel(const EngineFlags& flags, kl_runtime* runtime, const std::string& path,
                  bool vocabulary_only, ModelHandle* model) {
  LoadContext context;
  kl_model_options options = ModelOptionsOf(flags);
  options.vocabulary_only = vocabulary_only;
  BankOptions bank;
  const Failure failure = bank.Set(flags.bank, &options);
  if (!failure.ok()) return failure;
  options.progress = ShowLoading;
  options.progress_user = &context;
  return LoadModel(options, runtime, path, model);
}

Failure LoadModel(const kl_model_options& options, kl_runtime* runtime, const std::string& path,
                  ModelHandle* model) {
  kl_error error = NoError();
  kl_model* loaded = nullptr;
  const kl_code code = kl_model_load(runtime, path.c_str(), &options, &loaded, &error);
  if (code != KL_OK) return FailureOf(code, error);
  model->reset(loaded);
  return Success();
}

kl_session_options DefaultSessionOptions() {
  kl_session_options options = {};
  options.struct_size = sizeof options;
  kl_session_default_options(&options);
  return options;
}

Failure LoadNetwork(const EngineFlags& flags, kl_runtime* runtime, const std::string& path,
                    NetworkHandle* network) {
  kl_network_options options = {};
  options.struct_size = sizeof options;
  kl_network_default_options(&options);
  options.arena_bytes = flags.memory_bytes;
  kl_error error = NoError();
  kl_network* loaded = nullptr;
  const kl_code code =
      kl_network_load_with_options(runtime, path.c_str(), &options, &loaded, &error);
  if (code != KL_OK) return FailureOf(code, error);
  network->reset(loaded);
  return Success();
}

Failure CreateSession(kl_model* model, const kl_session_options& options, SessionHandle* session) {
  kl_error error = NoError();
  kl_session* created = nullptr;
  const kl_code code = kl_session_create(model, &options, &created, &error);
  if (code != KL_OK) return FailureOf(code, error);
  session->reset(created);
  return Success();
}

kl_model_info Describe(const kl_model* model) {
  kl_model_info info = {};
  info.struct_size = sizeof info;
  kl_model_describe(model, &info);
  return info;
}

kl_session_info Describe(const kl_session* session) {
  kl_session_info info = {};
  info.struct_size = sizeof info;
  kl_session_describe(session, &info);
  return info;
}

Failure Tokenize(const kl_model* model, const std::string& text, uint32_t flags,
                 std::vector<int32_t>* tokens) {
  kl_error error = NoError();
  tokens->resize(text.size() + 16);  // enough for all but odd vocabularies
  for (int attempt = 0; attempt < 2; ++attempt) {
    size_t count = 0;
    const kl_code code = kl_model_tokenize(model, text.data(), text.size(), flags, tokens->data(),
                                           tokens->size(), &count, &error);
    if (code != KL_OK) return FailureOf(code, error);
    const bool complete = count <= tokens->size();
    tokens->resize(count);
    if (complete) break;
  }
  return Success();
}

int32_t BeginToken(const kl_model* model) {
  std::vector<int32_t> plain;
  std::vector<int32_t> special;
  if (!Tokenize(model, "a", 0, &plain).ok()) return -1;
  if (!Tokenize(model, "a", KL_TOKENIZE_ADD_SPECIAL, &special).ok()) return -1;
  if (special.size() <= plain.size() || plain.empty()) return -1;
  return special[0] != plain[0] ? special[0] : -1;
}

std::string SummarisePlan(const std::string& plan_text) {
  std::vector<std::string> order;
  std::map<std::string, int> counts;
  for (absl::string_view line : absl::StrSplit(plan_text, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t index = 0;
    if (words.size() < 5 || !absl::SimpleAtoi(words[0], &index)) continue;
    const std::string row = absl::StrCat(words[1], ": ", words[3], " ", words[4]);
    if (counts[row]++ == 0) order.push_back(row);
  }
  std::string text;
  for (const std::string& row : order) absl::StrAppend(&text, row, " x ", counts[row], "\n");
  return text;
}

}  // namespace kinglet::tools
