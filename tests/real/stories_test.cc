// stories260K, a trained Llama: the same story for any number of threads and any kernels.
#include "tests/support/kinglet_test.h"
#include "tests/support/testdata.h"

#include <fstream>
#include <iterator>

namespace kinglet {
namespace {

constexpr int kTokenCount = 200;
constexpr size_t kTextBytes = 8000;

std::string ModelPath() { return TestDataFolder() + "/llm/stories260K-f32.gguf"; }

std::string ReadText(const std::string& name, size_t bytes) {
  std::ifstream file(TestDataFolder() + "/text/" + name, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.substr(0, bytes);
}

std::vector<int32_t> StoryOf(kl_runtime* runtime, int32_t batch) {
  const Handle<kl_model> model = LoadModel(runtime, ModelPath());
  if (model == nullptr) return {};
  const Handle<kl_session> session = MakeGreedySession(model.get(), {256, batch});
  return Continue(session.get(), Tokenize(model.get(), "Once upon a time", KL_TOKENIZE_ADD_SPECIAL), kTokenCount);
}

TEST(StoriesTest, GreedyStoryIsTheSameForEverySchedulerThreadCountAndBatch) {
  KL_REQUIRE_TESTDATA();
  RuntimeSettings serial;
  serial.scheduler = "serial";
  const std::vector<int32_t> expected = StoryOf(MakeRuntime(serial).get(), 512);
  ASSERT_EQ(expected.size(), static_cast<size_t>(kTokenCount));
  for (int32_t threads : {1, 2, 3, 4}) {
    for (int32_t batch : {1, 32, 512}) {
      RuntimeSettings pool;
      pool.thread_count = threads;
      EXPECT_EQ(StoryOf(MakeRuntime(pool).get(), batch), expected) << threads << " threads, batch " << batch;
    }
  }
}

TEST(StoriesTest, GreedyStoryOfTheReferenceKernelsIsTheSameText) {
  KL_REQUIRE_TESTDATA();
  const Handle<kl_runtime> fast = MakeRuntime(WithThreads(2));
  const Handle<kl_runtime> reference = MakeReferenceRuntime();
  const std::vector<int32_t> story = StoryOf(fast.get(), 512);
  EXPECT_EQ(story, StoryOf(reference.get(), 512));
  const Handle<kl_model> model = LoadModel(fast.get(), ModelPath());
  EXPECT_NE(Detokenize(model.get(), story).find("little"), std::string::npos) << Detokenize(model.get(), story);
}

TEST(StoriesTest, PerplexityAgreesBetweenReferenceAndFastKernels) {
  KL_REQUIRE_TESTDATA();
  const std::string text = ReadText("tinystories-b.txt", kTextBytes);
  double perplexity[2];
  const Handle<kl_runtime> runtimes[] = {MakeReferenceRuntime(), MakeRuntime(WithThreads(2))};
  for (int i = 0; i < 2; ++i) {
    const Handle<kl_model> model = LoadModel(runtimes[i].get(), ModelPath());
    perplexity[i] = Perplexity(model.get(), Tokenize(model.get(), text, KL_TOKENIZE_ADD_SPECIAL), 128);
  }
  RecordProperty("perplexity", std::to_string(perplexity[1]));
  EXPECT_NEAR(perplexity[1] / perplexity[0], 1.0, 0.001);
  EXPECT_LT(perplexity[0], 8.0);
}

// What a cache of fewer bits costs. Heads of 16 share a scale of q8_0, not 32 as in larger models.
TEST(StoriesTest, ACacheOfFewerBitsCostsLittle) {
  KL_REQUIRE_TESTDATA();
  const std::string path = TestDataFolder() + "/llm/tinystories-656k-f16.gguf";
  const std::string text = ReadText("tinystories-b.txt", kTextBytes);
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const auto perplexity = [&](kl_dtype keys, kl_dtype values) {
    const Handle<kl_model> model = LoadModel(runtime.get(), path, {keys, values});
    const double found = Perplexity(model.get(), Tokenize(model.get(), text, KL_TOKENIZE_ADD_SPECIAL), 128);
    printf("keys of type %d, values of type %d: perplexity %.5f\n", keys, values, found);
    return found;
  };
  const double exact = perplexity(KL_TYPE_F32, KL_TYPE_F32);
  EXPECT_NEAR(perplexity(KL_TYPE_F16, KL_TYPE_F16) / exact, 1.0, 0.0005);
  EXPECT_NEAR(perplexity(KL_TYPE_Q8_0, KL_TYPE_F16) / exact, 1.0, 0.003);
  EXPECT_NEAR(perplexity(KL_TYPE_Q8_0, KL_TYPE_Q8_0) / exact, 1.0, 0.003);
  EXPECT_NE(perplexity(KL_TYPE_Q8_0, KL_TYPE_Q8_0), exact) << "the types have no effect";
}

class QuantisedStoriesTest : public testing::TestWithParam<const char*> {};

// Perplexities of 8-bit activation kernels stay within 0.5 % of what the scalar operators give on the same file.
TEST_P(QuantisedStoriesTest, PerplexityStaysWithinHalfAPercentOfTheReference) {
  KL_REQUIRE_TESTDATA();
  const std::string path = TestDataFolder() + "/llm/tinystories-656k-" + GetParam() + ".gguf";
  const std::string text = ReadText("tinystories-b.txt", kTextBytes);
  double perplexity[2];
  const Handle<kl_runtime> runtimes[] = {MakeReferenceRuntime(), MakeRuntime(WithThreads(2))};
  for (int i = 0; i < 2; ++i) {
    const Handle<kl_model> model = LoadModel(runtimes[i].get(), path);
    ASSERT_NE(model, nullptr);
    perplexity[i] = Perplexity(model.get(), Tokenize(model.get(), text, KL_TOKENIZE_ADD_SPECIAL), 128);
  }
  printf("%s: perplexity %.4f, reference kernels %.4f\n", GetParam(), perplexity[1], perplexity[0]);
  EXPECT_NEAR(perplexity[1] / perplexity[0], 1.0, 0.005);
}

INSTANTIATE_TEST_SUITE_P(Types, QuantisedStoriesTest, testing::Values("f16", "q8_0", "q4_0", "q4_k_m"));

}  // namespace
}  // namespace kinglet
