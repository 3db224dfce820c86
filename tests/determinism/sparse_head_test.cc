// Leaving logits out changes no token: greedy and drawn, with and without penalties, for any number of
// threads, against a session with full_logits; and kl_session_logits still gives all of them.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/kinglet_test.h"
#include "tests/support/start_command.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr int32_t kVocabulary = 8000;
constexpr int kTokens = 48;

struct Sampling {
  const char* name;
  float temperature;
  int32_t top_k;
  float repeat_penalty;
};
constexpr Sampling kSamplings[] = {{"greedy", 0, 0, 1}, {"greedy_penalised", 0, 0, 1.2f}, {"top_5", 0.8f, 5, 1},
                                   {"no_top_k", 0.8f, 0, 1}};

Handle<kl_session> MakeSession(kl_model* model, const Sampling& sampling, bool full_logits) {
  kl_session_options options = {};
  options.struct_size = sizeof options;
  kl_session_default_options(&options);
  options.context_length = 128;
  options.temperature = sampling.temperature;
  options.top_k = sampling.top_k;
  options.repeat_penalty = sampling.repeat_penalty;
  options.repeat_last_n = 8;
  options.seed = 4;
  options.full_logits = full_logits;
  kl_session* session = nullptr;
  kl_error error = {};
  error.struct_size = sizeof error;
  EXPECT_EQ(kl_session_create(model, &options, &session, &error), KL_OK) << error.message;
  return Handle<kl_session>(session);
}

const std::vector<int32_t> kPrompt = {5, 17, 999, 4711, 3, 512, 2048};

// By kl_session_sample alone: whoever reads kl_session_logits has all of them computed.
std::vector<int32_t> Sampled(kl_session* session) {
  EXPECT_EQ(kl_session_prefill(session, kPrompt.data(), kPrompt.size(), nullptr, nullptr, nullptr), KL_OK);
  std::vector<int32_t> tokens(kTokens);
  for (int32_t& token : tokens) {
    EXPECT_EQ(kl_session_sample(session, &token, nullptr), KL_OK);
    EXPECT_EQ(kl_session_decode(session, token, nullptr), KL_OK);
  }
  return tokens;
}

// Whether this processor has a kernel for heads; every 64-bit ARM has.
bool HasKernelForHeads() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") != 0;
#else
  return true;
#endif
}

class SparseHead : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = folder_.path() + "/model.gguf";
    const std::string make = StartCommand("./kinglet") + " make-model " + GetParam() + " --vocab " +
                             std::to_string(kVocabulary) + " --seed 7 -o " + path_;
    ASSERT_EQ(system(make.c_str()), 0) << make;
  }
  const TempFolder folder_;
  std::string path_;
};

TEST_P(SparseHead, TheSameTokensAsTheFullProduct) {
  for (const Sampling& sampling : kSamplings) {
    std::vector<int32_t> expected;
    for (const int32_t threads : {1, 2, 3}) {
      const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(threads));
      const Handle<kl_model> model = LoadModel(runtime.get(), path_);
      ASSERT_NE(model, nullptr);
      if (HasKernelForHeads()) {
        ASSERT_NE(std::strstr(kl_model_plan_text(model.get()), "matmul_q4_0_head_"), nullptr);
      }
      for (const bool full : {true, false}) {
        const Handle<kl_session> session = MakeSession(model.get(), sampling, full);
        const std::vector<int32_t> found = Sampled(session.get());
        if (expected.empty()) expected = found;
        EXPECT_EQ(found, expected) << sampling.name << ", " << threads << " threads, full logits " << full;
      }
    }
    EXPECT_EQ(expected.size(), static_cast<size_t>(kTokens));
  }
}

TEST_P(SparseHead, AllLogitsForWhoAsks) {
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const Handle<kl_model> model = LoadModel(runtime.get(), path_);
  ASSERT_NE(model, nullptr);
  const Handle<kl_session> a = MakeSession(model.get(), kSamplings[0], true);
  const Handle<kl_session> b = MakeSession(model.get(), kSamplings[0], false);
  for (const int32_t token : kPrompt) {
    ASSERT_EQ(kl_session_decode(a.get(), token, nullptr), KL_OK);
    ASSERT_EQ(kl_session_decode(b.get(), token, nullptr), KL_OK);
    size_t count = 0;
    const float* expected = kl_session_logits(a.get(), &count);
    const float* found = kl_session_logits(b.get(), &count);
    ASSERT_EQ(count, static_cast<size_t>(kVocabulary));
    EXPECT_EQ(std::memcmp(found, expected, count * sizeof(float)), 0);
    // Greedy needs one of them; after a change of the sampler, what it needs is computed.
    int32_t first = 0, second = 0;
    ASSERT_EQ(kl_session_decode(a.get(), token, nullptr), KL_OK);
    ASSERT_EQ(kl_session_decode(b.get(), token, nullptr), KL_OK);
    for (kl_session* session : {a.get(), b.get()}) {
      kl_session_options options = {};
      options.struct_size = sizeof options;
      kl_session_default_options(&options);
      options.seed = token;
      options.top_k = 0;
      options.temperature = 3;
      ASSERT_EQ(kl_session_set_sampler(session, &options, nullptr), KL_OK);
    }
    ASSERT_EQ(kl_session_sample(a.get(), &first, nullptr), KL_OK);
    ASSERT_EQ(kl_session_sample(b.get(), &second, nullptr), KL_OK);
    EXPECT_EQ(first, second);
    for (kl_session* session : {a.get(), b.get()}) {
      kl_session_options options = {};
      options.struct_size = sizeof options;
      kl_session_default_options(&options);
      options.temperature = 0;
      ASSERT_EQ(kl_session_set_sampler(session, &options, nullptr), KL_OK);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, SparseHead,
    testing::Values("--arch smallthinker --preset tiny --layers 2 --embedding 256 --heads 4 --kv-heads 2 --head-length 64 "
                    "--ffn 256 --experts 8 --experts-used 2 --context 256 --type q4_0",
                    "--arch qwen3 --preset tiny --layers 2 --embedding 512 --heads 8 --kv-heads 4 --head-length 64 "
                    "--ffn 512 --context 256 --type q4_0",
                    "--arch llama --preset tiny --layers 1 --embedding 256 --heads 4 --kv-heads 2 --head-length 64 "
                    "--ffn 256 --context 256 --type q4_0"),
    [](const testing::TestParamInfo<const char*>& info) { return "model_" + std::to_string(info.index); });

}  // namespace
}  // namespace kinglet
