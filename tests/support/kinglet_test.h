// The C API with C++ lifetimes, for tests that cross folders. Failures end the test with the library's message.
#ifndef TESTS_SUPPORT_KINGLET_TEST_H_
#define TESTS_SUPPORT_KINGLET_TEST_H_

#include <memory>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "gtest/gtest.h"

namespace kinglet {

struct HandleDeleter {
  void operator()(kl_runtime* runtime) const { kl_runtime_free(runtime); }
  void operator()(kl_model* model) const { kl_model_free(model); }
  void operator()(kl_session* session) const { kl_session_free(session); }
  void operator()(kl_network* network) const { kl_network_free(network); }
  void operator()(kl_file* file) const { kl_file_free(file); }
};
template <typename T>
using Handle = std::unique_ptr<T, HandleDeleter>;

// An error struct whose text shows in assertions.
struct Error : kl_error {
  Error() : kl_error() { struct_size = sizeof(kl_error); }
};

struct RuntimeSettings {
  int32_t thread_count = 1;
  std::string scheduler = "pool";
  std::vector<std::string> disabled_plugins;
  std::vector<std::string> plugin_paths;
  std::vector<std::string> pinned_kernels;
};

inline RuntimeSettings WithThreads(int32_t thread_count) {
  RuntimeSettings settings;
  settings.thread_count = thread_count;
  return settings;
}

// The plugins of the build, which must be in the test's data as //plugins:all.
std::string TestPluginFolder();

Handle<kl_runtime> MakeRuntime(const RuntimeSettings& settings = {});
// The scalar oracle and nothing else that computes.
Handle<kl_runtime> MakeReferenceRuntime(int32_t thread_count = 2);
struct ModelSettings {
  kl_dtype key_cache_type = KL_TYPE_NONE;
  kl_dtype value_cache_type = KL_TYPE_NONE;
};
Handle<kl_model> LoadModel(kl_runtime* runtime, const std::string& path, const ModelSettings& settings = {});

struct SessionSettings {
  int32_t context_length = 0;
  int32_t batch = 0;
};
Handle<kl_session> MakeGreedySession(kl_model* model, const SessionSettings& settings = {});

std::vector<int32_t> Tokenize(const kl_model* model, const std::string& text, uint32_t flags);
std::string Detokenize(const kl_model* model, const std::vector<int32_t>& tokens);

// Greedy continuation of `prompt` by `count` tokens, end tokens included.
std::vector<int32_t> Continue(kl_session* session, const std::vector<int32_t>& prompt, int count);

// Logits of every token: [tokens][vocabulary].
std::vector<std::vector<float>> AllLogits(kl_session* session, const std::vector<int32_t>& tokens);

// exp of the mean negative log-likelihood of tokens 1.., in chunks of `chunk` tokens that start anew.
double Perplexity(kl_model* model, const std::vector<int32_t>& tokens, int32_t chunk);

// Largest |a - b|; infinite where the shapes differ.
double LargestDifference(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b);

}  // namespace kinglet

#endif  // TESTS_SUPPORT_KINGLET_TEST_H_
