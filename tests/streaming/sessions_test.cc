// Sessions of one model share its cache of experts: they decode at the same time, and what they need is taken from it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/streaming/streamed_model.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr int kRounds = 3;
constexpr int32_t kPredict = 8;
constexpr uint64_t kExpertsUsed = 2;

class SessionsTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = MakeStreamedModel(folder_.path(), "q4_0", 4);
    runtime_ = MakeRuntime(WithThreads(2));
    expected_ = Continue(MakeStreamedSession(Load(0).get()).get(), StreamedPrompt(), kPredict);
    ASSERT_EQ(expected_.size(), static_cast<size_t>(kPredict));
  }

  Handle<kl_model> Load(uint64_t memory_bytes) {
    Error error;
    Handle<kl_model> model;
    StreamSettings settings;
    settings.memory_bytes = memory_bytes;
    EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings, &model, &error), KL_OK) << error.message;
    return model;
  }

  // Two sessions decode until `meanwhile` returns, and at least kRounds times each.
  template <class Meanwhile>
  void DecodeTwice(kl_model* model, const Meanwhile& meanwhile) {
    const Handle<kl_session> sessions[] = {MakeStreamedSession(model), MakeStreamedSession(model)};
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    for (const Handle<kl_session>& session : sessions) {
      threads.emplace_back([&] {
        for (int round = 0; round < kRounds || !over; ++round) {
          Error error;
          ASSERT_EQ(kl_session_rewind(session.get(), 0, &error), KL_OK) << error.message;
          ASSERT_EQ(Continue(session.get(), StreamedPrompt(), kPredict), expected_) << "round " << round;
        }
      });
    }
    meanwhile();
    over = true;
    for (std::thread& thread : threads) thread.join();
  }

  const TempFolder folder_;
  std::string path_;
  Handle<kl_runtime> runtime_;
  std::vector<int32_t> expected_;
};

TEST_F(SessionsTest, TokensStayTheSameWhileOthersTakeMemoryAndGiveItBack) {
  const Handle<kl_model> model = Load(SmallestBudget(runtime_.get(), path_) + (40 << 20));
  ASSERT_NE(model, nullptr);
  ASSERT_TRUE(ExpertStats(model.get()).streamed);
  uint64_t fewest = UINT64_MAX;
  DecodeTwice(model.get(), [&] {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Handle<kl_session>> others;
      for (int i = 0; i < 3; ++i) others.push_back(MakeStreamedSession(model.get()));
      EXPECT_EQ(Continue(others.back().get(), StreamedPrompt(), kPredict), expected_);
      fewest = std::min(fewest, ExpertStats(model.get()).slot_count);
    }
  });
  // The memory of the others is the cache's again when a session next looks.
  EXPECT_EQ(Continue(MakeStreamedSession(model.get()).get(), StreamedPrompt(), kPredict), expected_);
  EXPECT_GT(ExpertStats(model.get()).slot_count, fewest);
}

TEST_F(SessionsTest, TwoShareWhatIsEnoughForOne) {
  const Handle<kl_model> model = Load(SmallestBudget(runtime_.get(), path_) + (40 << 20));
  ASSERT_NE(model, nullptr);
  uint64_t fewest = UINT64_MAX;
  DecodeTwice(model.get(), [&] {
    for (const uint64_t most_bytes : {uint64_t{1}, uint64_t{UINT64_MAX}, uint64_t{1}}) {
      kl_model_limit_experts(model.get(), most_bytes);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      fewest = std::min(fewest, ExpertStats(model.get()).slot_count);
    }
  });
  EXPECT_EQ(fewest, kExpertsUsed) << "one token's experts of a layer";
}

}  // namespace
}  // namespace kinglet
