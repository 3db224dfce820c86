// Logits are the same to the last bit for any threads, scheduler and batch: for every weight type with kernels of its own, in
// shapes that take the packed and the plain paths, dense and with experts. So greedy tokens are the same, too.
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/emulator.h"
#include "tests/support/kinglet_test.h"
#include "tests/support/start_command.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr int32_t kVocabulary = 1024;
constexpr int32_t kTokenCount = 75;

struct Shape {
  const char* name;
  const char* flags;
};

// 512 is a multiple of every kernel's packing; 96 only of the small blocks.
constexpr Shape kSmallThinker = {
    "smallthinker", "--arch smallthinker --preset tiny --layers 5 --embedding 512 --heads 8 --kv-heads 2 --head-length 64 "
                    "--ffn 256 --experts 8 --experts-used 2 --window 16 --context 256"};
constexpr Shape kTransposedDown = {
    "smallthinker_transposed_down",
    "--arch smallthinker --preset tiny --layers 2 --embedding 512 --heads 8 --kv-heads 2 --head-length 64 --ffn 256 "
    "--experts 8 --experts-used 2 --context 256 --transposed-down"};
constexpr Shape kQwen3 = {"qwen3",
                          "--arch qwen3 --preset tiny --layers 2 --embedding 512 --heads 8 --kv-heads 4 --head-length 64 "
                          "--ffn 768 --context 256"};
constexpr Shape kNarrow = {"narrow",
                           "--arch llama --preset tiny --layers 2 --embedding 96 --heads 6 --kv-heads 2 --head-length 16 "
                           "--ffn 160 --context 256"};

struct Case {
  Shape shape;
  const char* type;
  ModelSettings caches;
  const char* suffix = "";
};

class DeterminismTest : public testing::TestWithParam<Case> {};

TEST_P(DeterminismTest, LogitsDependOnNeitherThreadsNorSchedulerNorBatch) {
  const TempFolder folder;
  const std::string path = folder.path() + "/model.gguf";
  const std::string make = StartCommand("./kinglet") + " make-model " + GetParam().shape.flags + " --type " +
                           GetParam().type + " --vocab " + std::to_string(kVocabulary) + " --seed 7 -o " + path;
  ASSERT_EQ(system(make.c_str()), 0) << make;
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < kTokenCount; ++i) tokens.push_back((i * i * 31 + 5) % kVocabulary);

  std::vector<std::vector<float>> expected;
  const auto compare = [&](const RuntimeSettings& settings, const std::vector<int32_t>& batches) {
    const Handle<kl_runtime> runtime = MakeRuntime(settings);
    const Handle<kl_model> model = LoadModel(runtime.get(), path, GetParam().caches);
    ASSERT_NE(model, nullptr);
    for (int32_t batch : batches) {
      const std::vector<std::vector<float>> logits =
          AllLogits(MakeGreedySession(model.get(), {256, batch}).get(), tokens);
      ASSERT_EQ(logits.size(), tokens.size());
      if (expected.empty()) expected = logits;
      for (size_t t = 0; t < tokens.size(); ++t) {
        ASSERT_EQ(memcmp(logits[t].data(), expected[t].data(), kVocabulary * sizeof(float)), 0)
            << "token " << t << ", " << settings.scheduler << ", " << settings.thread_count << " threads, batch "
            << batch;
      }
    }
  };
  RuntimeSettings serial;
  serial.scheduler = "serial";
  if (IsEmulated()) {  // which takes a hundred times as long
    compare(serial, {1, 32});
    compare(WithThreads(1), {3});
    compare(WithThreads(3), {1, 512});
  } else {
    const std::vector<int32_t> batches = {1, 3, 32, 512};
    compare(serial, batches);
    for (int32_t threads : {1, 2, 3, 4}) compare(WithThreads(threads), batches);
  }
  // Where every token gave the same logits, a difference could not show.
  ASSERT_GT(expected.size(), 1u);
  EXPECT_NE(expected[0], expected[1]);
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const char* type : {"f32", "f16", "bf16", "q4_0", "q8_0", "q4_k", "q5_k", "q6_k", "iq4_nl"}) {
    cases.push_back({kSmallThinker, type, {}});
    cases.push_back({kQwen3, type, {}});
  }
  for (const char* type : {"q4_0", "q8_0"}) {
    cases.push_back({kTransposedDown, type, {}});
    cases.push_back({kNarrow, type, {}});
  }
  // Narrow: half of each q8_0 block of the cache stays empty.
  for (const Shape& shape : {kSmallThinker, kQwen3, kNarrow}) {
    cases.push_back({shape, "q4_0", {KL_TYPE_F32, KL_TYPE_F32}, "_f32_cache"});
    cases.push_back({shape, "q4_0", {KL_TYPE_Q8_0, KL_TYPE_Q8_0}, "_q8_0_cache"});
  }
  cases.push_back({kSmallThinker, "q4_0", {KL_TYPE_Q8_0, KL_TYPE_F16}, "_q8_0_keys"});
  cases.push_back({kSmallThinker, "q4_0", {KL_TYPE_F16, KL_TYPE_Q8_0}, "_q8_0_values"});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, DeterminismTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& info) {
                           return std::string(info.param.shape.name) + "_" + info.param.type + info.param.suffix;
                         });

}  // namespace
}  // namespace kinglet
