#include "tests/support/kinglet_test.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace kinglet {
namespace {

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

int32_t Argmax(const float* logits, size_t count) {
  return static_cast<int32_t>(std::max_element(logits, logits + count) - logits);
}

}  // namespace

std::string TestPluginFolder() {
  char folder[4096] = "";
  if (getcwd(folder, sizeof folder) == nullptr) return "plugins";
  return std::string(folder) + "/plugins";
}

Handle<kl_runtime> MakeRuntime(const RuntimeSettings& settings) {
  const std::string folder = TestPluginFolder();
  const auto disabled = Pointers(settings.disabled_plugins);
  const auto paths = Pointers(settings.plugin_paths);
  const auto pinned = Pointers(settings.pinned_kernels);
  kl_runtime_options options = {};
  options.struct_size = sizeof options;
  kl_runtime_default_options(&options);
  options.thread_count = settings.thread_count;
  options.scheduler = settings.scheduler.c_str();
  options.plugin_folder = folder.c_str();
  options.disabled_plugins = disabled.data();
  options.disabled_plugin_count = static_cast<uint32_t>(disabled.size());
  options.plugin_paths = paths.data();
  options.plugin_path_count = static_cast<uint32_t>(paths.size());
  options.pinned_kernels = pinned.data();
  options.pinned_kernel_count = static_cast<uint32_t>(pinned.size());
  kl_runtime* runtime = nullptr;
  Error error;
  EXPECT_EQ(kl_runtime_create(&options, &runtime, &error), KL_OK) << error.message;
  return Handle<kl_runtime>(runtime);
}

Handle<kl_runtime> MakeReferenceRuntime(int32_t thread_count) {
  RuntimeSettings settings;
  settings.thread_count = thread_count;
  settings.disabled_plugins = {"sparse_x86", "sparse_arm", "xnnpack", "onednn"};
  return MakeRuntime(settings);
}

Handle<kl_model> LoadModel(kl_runtime* runtime, const std::string& path, const ModelSettings& settings) {
  kl_model_options options = {};
  options.struct_size = sizeof options;
  kl_model_default_options(&options);
  options.key_cache_type = settings.key_cache_type;
  options.value_cache_type = settings.value_cache_type;
  kl_model* model = nullptr;
  Error error;
  EXPECT_EQ(kl_model_load(runtime, path.c_str(), &options, &model, &error), KL_OK) << error.message;
  return Handle<kl_model>(model);
}

Handle<kl_session> MakeGreedySession(kl_model* model, const SessionSettings& settings) {
  kl_session_options options = {};
  options.struct_size = sizeof options;
  kl_session_default_options(&options);
  options.context_length = settings.context_length;
  options.batch = settings.batch;
  options.temperature = 0;
  kl_session* session = nullptr;
  Error error;
  EXPECT_EQ(kl_session_create(model, &options, &session, &error), KL_OK) << error.message;
  return Handle<kl_session>(session);
}

std::vector<int32_t> Tokenize(const kl_model* model, const std::string& text, uint32_t flags) {
  size_t count = 0;
  Error error;
  EXPECT_EQ(kl_model_tokenize(model, text.data(), text.size(), flags, nullptr, 0, &count, &error), KL_OK)
      << error.message;
  std::vector<int32_t> tokens(count);
  kl_model_tokenize(model, text.data(), text.size(), flags, tokens.data(), tokens.size(), &count, &error);
  return tokens;
}

std::string Detokenize(const kl_model* model, const std::vector<int32_t>& tokens) {
  size_t length = 0;
  Error error;
  EXPECT_EQ(kl_model_detokenize(model, tokens.data(), tokens.size(), false, nullptr, 0, &length, &error), KL_OK)
      << error.message;
  std::string text(length + 1, '\0');
  kl_model_detokenize(model, tokens.data(), tokens.size(), false, &text[0], text.size(), &length, &error);
  text.resize(length);
  return text;
}

std::vector<int32_t> Continue(kl_session* session, const std::vector<int32_t>& prompt, int count) {
  Error error;
  EXPECT_EQ(kl_session_prefill(session, prompt.data(), prompt.size(), nullptr, nullptr, &error), KL_OK)
      << error.message;
  std::vector<int32_t> answer;
  while (static_cast<int>(answer.size()) < count) {
    size_t vocabulary = 0;
    const float* logits = kl_session_logits(session, &vocabulary);
    if (logits == nullptr) break;
    answer.push_back(Argmax(logits, vocabulary));
    if (kl_session_decode(session, answer.back(), &error) != KL_OK) {
      ADD_FAILURE() << error.message;
      break;
    }
  }
  return answer;
}

std::vector<std::vector<float>> AllLogits(kl_session* session, const std::vector<int32_t>& tokens) {
  std::vector<std::vector<float>> rows;
  Error error;
  const auto keep = [](void* user, size_t, const float* logits, size_t vocabulary) {
    static_cast<std::vector<std::vector<float>>*>(user)->emplace_back(logits, logits + vocabulary);
    return true;
  };
  EXPECT_EQ(kl_session_prefill_logits(session, tokens.data(), tokens.size(), keep, &rows, &error), KL_OK)
      << error.message;
  return rows;
}

double Perplexity(kl_model* model, const std::vector<int32_t>& tokens, int32_t chunk) {
  struct Sum {
    const std::vector<int32_t>* tokens;
    double negative_log_likelihood = 0;
    uint64_t count = 0;
  } sum;
  Handle<kl_session> session = MakeGreedySession(model, {chunk, chunk});
  for (size_t begin = 0; begin + 1 < tokens.size(); begin += static_cast<size_t>(chunk)) {
    const size_t end = std::min(tokens.size(), begin + static_cast<size_t>(chunk));
    const std::vector<int32_t> part(tokens.begin() + static_cast<ptrdiff_t>(begin),
                                    tokens.begin() + static_cast<ptrdiff_t>(end));
    sum.tokens = &part;
    const auto score = [](void* user, size_t index, const float* logits, size_t vocabulary) {
      Sum& sum = *static_cast<Sum*>(user);
      if (index + 1 >= sum.tokens->size()) return true;
      const float largest = *std::max_element(logits, logits + vocabulary);
      double total = 0;
      for (size_t v = 0; v < vocabulary; ++v) total += std::exp(static_cast<double>(logits[v] - largest));
      sum.negative_log_likelihood +=
          std::log(total) - static_cast<double>(logits[(*sum.tokens)[index + 1]] - largest);
      ++sum.count;
      return true;
    };
    Error error;
    EXPECT_EQ(kl_session_rewind(session.get(), 0, &error), KL_OK) << error.message;
    EXPECT_EQ(kl_session_prefill_logits(session.get(), part.data(), part.size(), score, &sum, &error), KL_OK)
        << error.message;
  }
  return std::exp(sum.negative_log_likelihood / static_cast<double>(sum.count));
}

double LargestDifference(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  constexpr double kDifferentShape = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return kDifferentShape;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return kDifferentShape;
    for (size_t j = 0; j < a[i].size(); ++j) {
      const double difference = std::abs(static_cast<double>(a[i][j]) - static_cast<double>(b[i][j]));
      if (!(difference <= largest)) largest = difference;  // a NaN stays
    }
  }
  return largest;
}

}  // namespace kinglet
