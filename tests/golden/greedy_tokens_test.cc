// 200 greedy tokens, the same on every processor.
//
// The lists were written on x86-64 (AVX2); on ARM the test runs once for each level of kernels.
#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/kinglet_test.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

constexpr int kTokenCount = 200;
constexpr char kPrompt[] = "Once upon a time";

std::vector<int32_t> ReadTokens(const std::string& path) {
  std::ifstream file(path);
  std::vector<int32_t> tokens;
  for (int32_t token; file >> token;) tokens.push_back(token);
  return tokens;
}

std::string Text(const std::vector<int32_t>& tokens) {
  std::ostringstream text;
  for (size_t i = 0; i < tokens.size(); ++i) text << tokens[i] << ((i + 1) % 20 == 0 ? "\n" : " ");
  return text.str();
}

// In one batch and token by token: the kernels for many tokens and for one.
void ExpectTokens(const std::string& model_path, const std::string& list) {
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const Handle<kl_model> model = LoadModel(runtime.get(), model_path);
  ASSERT_NE(model, nullptr);
  const std::vector<int32_t> prompt = Tokenize(model.get(), kPrompt, KL_TOKENIZE_ADD_SPECIAL);
  const Handle<kl_session> session = MakeGreedySession(model.get(), {256, 32});
  const std::vector<int32_t> answer = Continue(session.get(), prompt, kTokenCount);
  const std::vector<int32_t> expected = ReadTokens("tests/golden/" + list);
  ASSERT_EQ(answer.size(), static_cast<size_t>(kTokenCount));
  EXPECT_EQ(answer, expected) << "found\n" << Text(answer);

  // The answer again, as one batch: each token is the likeliest after those before it.
  std::vector<int32_t> all = prompt;
  all.insert(all.end(), answer.begin(), answer.end() - 1);
  const std::vector<std::vector<float>> logits = AllLogits(MakeGreedySession(model.get(), {256, 64}).get(), all);
  ASSERT_EQ(logits.size(), all.size());
  for (size_t i = 0; i < answer.size(); ++i) {
    const std::vector<float>& row = logits[prompt.size() - 1 + i];
    ASSERT_EQ(std::max_element(row.begin(), row.end()) - row.begin(), answer[i]) << "token " << i << " in a batch";
  }
}

TEST(GreedyTokensTest, ShippedModel) {
  ExpectTokens("tools/chat/models/kinglet-demo.gguf", "kinglet_demo.tokens");
}

TEST(GreedyTokensTest, Stories260KInF32) {
  KL_REQUIRE_TESTDATA();
  ExpectTokens(TestDataFolder() + "/llm/stories260K-f32.gguf", "stories260K_f32.tokens");
}

TEST(GreedyTokensTest, Stories260KInF16) {
  KL_REQUIRE_TESTDATA();
  ExpectTokens(TestDataFolder() + "/llm/stories260K-f16.gguf", "stories260K_f16.tokens");
}

// Q4_0, and Q4_K with Q6_K.
TEST(GreedyTokensTest, TinystoriesInFourBits) {
  KL_REQUIRE_TESTDATA();
  ExpectTokens(TestDataFolder() + "/llm/tinystories-656k-q4_0.gguf", "tinystories_q4_0.tokens");
  ExpectTokens(TestDataFolder() + "/llm/tinystories-656k-q4_k_m.gguf", "tinystories_q4_k_m.tokens");
}

}  // namespace
}  // namespace kinglet
