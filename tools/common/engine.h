// The flags that every command with a model has, and the handles behind them.
#ifndef KINGLET_TOOLS_COMMON_ENGINE_H_
#define KINGLET_TOOLS_COMMON_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/common/bank_flags.h"
#include "tools/common/options.h"
#include "tools/common/report.h"

namespace kinglet::tools {

struct RuntimeDeleter {
  void operator()(kl_runtime* runtime) const { kl_runtime_free(runtime); }
};
struct ModelDeleter {
  void operator()(kl_model* model) const { kl_model_free(model); }
};
struct SessionDeleter {
  void operator()(kl_session* session) const { kl_session_free(session); }
};
struct NetworkDeleter {
  void operator()(kl_network* network) const { kl_network_free(network); }
};
struct FileDeleter {
  void operator()(kl_file* file) const { kl_file_free(file); }
};
using RuntimeHandle = std::unique_ptr<kl_runtime, RuntimeDeleter>;
using ModelHandle = std::unique_ptr<kl_model, ModelDeleter>;
using SessionHandle = std::unique_ptr<kl_session, SessionDeleter>;
using NetworkHandle = std::unique_ptr<kl_network, NetworkDeleter>;
using FileHandle = std::unique_ptr<kl_file, FileDeleter>;

struct EngineFlags {
  int64_t threads = 0;
  std::string scheduler = "pool";
  std::string plugin_folder;
  std::vector<std::string> plugins;
  std::vector<std::string> disabled_plugins;
  std::vector<std::string> kernels;
  std::vector<std::string> plugin_options;
  uint64_t memory_bytes = 0;
  std::string cache_type = "auto";
  std::string key_cache_type = "auto";
  std::string value_cache_type = "auto";
  bool packed_cache = false;
  std::string expert_policy;
  std::string expert_reader = "auto";
  std::string expert_file;
  std::string expert_profile;
  bool no_prefetch = false;
  bool verify_once = false;
  bool ignore_pressure = false;
  BankFlags bank;
  // Of the session that the command will make; set by the command. session_batch 0: not known.
  int32_t session_context_length = 0;
  int32_t session_batch = 0;
  bool verbose = false;

  // -t, unless the command has its own (bench, which takes a list).
  void DeclareThreads(OptionTable* options);
  // --scheduler, --plugin, --plugin-folder, --disable-plugin, --plugin-option, --kernel, -v.
  void Declare(OptionTable* options);
  // --memory, --cache-type, -ctk, -ctv, --packed-cache, --expert-policy, --expert-reader, --experts,
  // --expert-profile, --no-prefetch, --verify-once, --ignore-pressure; those of BankFlags.
  void DeclareMemory(OptionTable* options);
  // --memory of a command that runs networks: a limit of the arena.
  void DeclareArena(OptionTable* options);
};

// Warnings go to stderr: of the library, and of every plugin that is left out. With -v also the
// plugins that are in, and what the library reports on its way.
Failure CreateRuntime(const char* command, const EngineFlags& flags, RuntimeHandle* runtime);

// Shows progress on a terminal; Ctrl-C gives kExitInterrupted where an Interrupt is in place.
Failure LoadModel(const EngineFlags& flags, kl_runtime* runtime, const std::string& path,
                  bool vocabulary_only, ModelHandle* model);

// What LoadModel() asks for, without progress. Points into `flags`.
kl_model_options ModelOptionsOf(const EngineFlags& flags);
Failure LoadModel(const kl_model_options& options, kl_runtime* runtime, const std::string& path,
                  ModelHandle* model);

// Within flags.memory_bytes, which is a limit of the arena here.
Failure LoadNetwork(const EngineFlags& flags, kl_runtime* runtime, const std::string& path,
                    NetworkHandle* network);

Failure CreateSession(kl_model* model, const kl_session_options& options, SessionHandle* session);
kl_session_options DefaultSessionOptions();

kl_model_info Describe(const kl_model* model);
kl_session_info Describe(const kl_session* session);

// `flags` are KL_TOKENIZE_*.
Failure Tokenize(const kl_model* model, const std::string& text, uint32_t flags,
                 std::vector<int32_t>* tokens);
// The token that starts a text, or -1.
int32_t BeginToken(const kl_model* model);

// Lines "op: kernel (plugin) x count" of a plan text, in the order of first use.
std::string SummarisePlan(const std::string& plan_text);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_ENGINE_H_
