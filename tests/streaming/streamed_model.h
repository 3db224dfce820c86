// A model whose experts are most of it, and loading it under a budget.
#ifndef TESTS_STREAMING_STREAMED_MODEL_H_
#define TESTS_STREAMING_STREAMED_MODEL_H_

#include <cstdlib>
#include <string>

#include "tests/support/kinglet_test.h"
#include "tests/support/start_command.h"

namespace kinglet {

constexpr int32_t kStreamedContext = 128;
constexpr int32_t kStreamedVocabulary = 512;

// 16 experts in each of `layers` layers; about 1.3 MB an expert in q4_0.
inline std::string MakeStreamedModel(const std::string& folder, const std::string& type, int layers) {
  const std::string path = folder + "/" + type + ".gguf";
  const std::string make = StartCommand("./kinglet") + " make-model --arch smallthinker --preset tiny --layers " + std::to_string(layers) +
                           " --embedding 768 --heads 8 --kv-heads 2 --head-length 64 --ffn 1024 --experts 16 "
                           "--experts-used 2 --window 32 --context 256 --vocab " +
                           std::to_string(kStreamedVocabulary) + " --type " + type + " --seed 3 -o " + path;
  EXPECT_EQ(system(make.c_str()), 0) << make;
  return path;
}

constexpr int32_t kLargeVocabulary = 16384;

// Most of it are attention weights, a head of several records and the table of tokens. With few experts, or none.
inline std::string MakeLargeWeightsModel(const std::string& folder, const std::string& type, bool dense) {
  const std::string path = folder + "/large_" + type + ".gguf";
  const std::string kind =
      dense ? "--arch llama --preset tiny --ffn 1536 --layers 4"
            : "--arch smallthinker --preset tiny --ffn 256 --experts 8 --experts-used 2 --window 32 --untied --layers 8";
  const std::string make = StartCommand("./kinglet") + " make-model " + kind +
                           " --embedding 1024 --heads 16 --kv-heads 4 --head-length 64 --context 256 "
                           "--vocab " +
                           std::to_string(kLargeVocabulary) + " --type " + type + " --seed 5 -o " + path;
  EXPECT_EQ(system(make.c_str()), 0) << make;
  return path;
}

struct StreamSettings {
  uint64_t memory_bytes = 0;
  std::string policy;
  std::string reader;
  std::string expert_file;
  std::string expert_profile;
  std::string system_root;  // of a system that is not short of memory where it is left empty
  bool ignore_pressure = false;
  bool prefetch = true;
  uint64_t program_bytes = 0;  // for the process, whatever it holds: equal budgets then mean the same; 0: look
};

inline kl_code LoadStreamed(kl_runtime* runtime, const std::string& path, const StreamSettings& settings,
                            Handle<kl_model>* model, kl_error* error) {
  kl_model_options options = {};
  options.struct_size = sizeof options;
  kl_model_default_options(&options);
  options.memory_bytes = settings.memory_bytes;
  options.program_bytes = settings.program_bytes;
  if (!settings.policy.empty()) options.expert_policy = settings.policy.c_str();
  if (!settings.reader.empty()) options.expert_reader = settings.reader.c_str();
  if (!settings.expert_file.empty()) options.expert_file = settings.expert_file.c_str();
  if (!settings.expert_profile.empty()) options.expert_profile = settings.expert_profile.c_str();
  // Tests run beside each other: how short memory is at the moment must not decide.
  options.system_root = settings.system_root.empty() ? "/nonexistent" : settings.system_root.c_str();
  options.ignore_memory_pressure = settings.ignore_pressure;
  options.no_expert_prefetch = !settings.prefetch;
  options.session_context_length = kStreamedContext;
  options.session_batch = 32;
  kl_model* loaded = nullptr;
  const kl_code code = kl_model_load(runtime, path.c_str(), &options, &loaded, error);
  model->reset(loaded);
  return code;
}

// The smallest budget that works, from the message that refuses 1 MiB.
inline uint64_t SmallestBudget(kl_runtime* runtime, const std::string& path, uint64_t program_bytes = 0) {
  Error error;
  Handle<kl_model> model;
  StreamSettings settings;
  settings.memory_bytes = 1 << 20;
  settings.program_bytes = program_bytes;
  EXPECT_EQ(LoadStreamed(runtime, path, settings, &model, &error), KL_OUT_OF_BUDGET) << error.message;
  const std::string message = error.message;
  const std::string before = "smallest budget that works is ";
  const size_t at = message.find(before);
  EXPECT_NE(at, std::string::npos) << message;
  return at == std::string::npos ? 0 : std::strtoull(message.c_str() + at + before.size(), nullptr, 10);
}

inline std::vector<int32_t> StreamedPrompt(int32_t count = 70, int32_t vocabulary = kStreamedVocabulary) {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < count; ++i) tokens.push_back((i * i * 31 + 5) % vocabulary);
  return tokens;
}

inline Handle<kl_session> MakeStreamedSession(kl_model* model) {
  return MakeGreedySession(model, {kStreamedContext, 32});
}

inline kl_expert_stats ExpertStats(const kl_model* model) {
  kl_expert_stats stats = {};
  stats.struct_size = sizeof stats;
  EXPECT_EQ(kl_model_expert_stats(model, &stats), KL_OK);
  return stats;
}

}  // namespace kinglet

#endif  // TESTS_STREAMING_STREAMED_MODEL_H_
