// The shape that budgets are for: SmallThinker-4B, 2.3 GB, whose experts do not fit most of these budgets. The same logits, to
// the last bit, for any budget, policy, reader, number of threads, and with or without guessing.
#include <cstring>

#include "tests/streaming/streamed_model.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class LargeModelTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = folder_.path() + "/4b.gguf";
    const std::string make = StartCommand("./kinglet") +
                             " make-model --arch smallthinker --preset 4b --type q4_0 --active 0.345 --seed 1 -o " + path_;
    ASSERT_EQ(system(make.c_str()), 0) << make;
    runtime_ = MakeRuntime(WithThreads(2));
    expected_ = Logits(StreamSettings(), runtime_.get());
    ASSERT_FALSE(expected_.empty());
  }

  std::vector<std::vector<float>> Logits(const StreamSettings& settings, kl_runtime* runtime) {
    Error error;
    Handle<kl_model> model;
    EXPECT_EQ(LoadStreamed(runtime, path_, settings, &model, &error), KL_OK) << error.message;
    if (model == nullptr) return {};
    const auto logits = AllLogits(MakeStreamedSession(model.get()).get(), StreamedPrompt());
    stats_ = ExpertStats(model.get());
    description_ = stats_.description == nullptr ? "" : stats_.description;
    return logits;
  }

  void ExpectSame(const StreamSettings& settings, kl_runtime* runtime, bool streamed) {
    const auto logits = Logits(settings, runtime);
    EXPECT_EQ(stats_.streamed, streamed) << settings.memory_bytes;
    ASSERT_EQ(logits.size(), expected_.size());
    for (size_t t = 0; t < logits.size(); ++t) {
      ASSERT_EQ(memcmp(logits[t].data(), expected_[t].data(), logits[t].size() * sizeof(float)), 0)
          << "token " << t << ", budget " << settings.memory_bytes << ", " << description_;
    }
  }

  const TempFolder folder_;
  std::string path_;
  Handle<kl_runtime> runtime_;
  std::vector<std::vector<float>> expected_;
  kl_expert_stats stats_ = {};
  std::string description_;
};

// One test, so that the model is made once.
TEST_F(LargeModelTest, LogitsAreTheSameForAnyBudgetPolicyReaderAndThreads) {
  for (const uint64_t budget : {600 * kMiB, 1024 * kMiB, 1536 * kMiB, 4096 * kMiB}) {
    StreamSettings settings;
    settings.memory_bytes = budget;
    ExpectSame(settings, runtime_.get(), budget < 4096 * kMiB);
  }
  for (const char* policy : {"lru", "lfu", "s3fifo"}) {
    StreamSettings settings;
    settings.memory_bytes = 1024 * kMiB;
    settings.policy = policy;
    ExpectSame(settings, runtime_.get(), true);
  }
  // The first of all is io_uring where it works.
  for (const char* reader : {"", "pread", "buffered"}) {
    StreamSettings settings;
    settings.memory_bytes = 768 * kMiB;
    settings.reader = reader;
    settings.prefetch = strcmp(reader, "pread") != 0;
    ExpectSame(settings, runtime_.get(), true);
  }
  const Handle<kl_runtime> alone = MakeRuntime(WithThreads(1));
  StreamSettings settings;
  settings.memory_bytes = 600 * kMiB;
  ExpectSame(settings, alone.get(), true);
}

}  // namespace
}  // namespace kinglet
