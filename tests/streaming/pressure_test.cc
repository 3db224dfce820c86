// While a made system says that memory is short, the cache of experts gives some back, without loading anything again and
// without changing a bit; afterwards it grows again.
#include <chrono>
#include <cstring>

#include "tests/streaming/streamed_model.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr uint64_t kLimitBytes = 1000 << 20;

class PressureTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = MakeStreamedModel(folder_.path(), "q4_0", 3);
    runtime_ = MakeRuntime(WithThreads(2));
    folder_.Write("proc/self/cgroup", "4:memory:/app\n");
    folder_.Write("sys/fs/cgroup/memory/app/memory.limit_in_bytes", std::to_string(kLimitBytes));
    Use(kLimitBytes / 2);
  }

  // What the control group uses.
  void Use(uint64_t bytes) {
    folder_.Write("sys/fs/cgroup/memory/app/memory.usage_in_bytes", std::to_string(bytes));
  }

  Handle<kl_model> Load(bool ignore_pressure) {
    StreamSettings settings;
    settings.memory_bytes = SmallestBudget(runtime_.get(), path_) + (50 << 20);
    settings.system_root = folder_.path();
    settings.ignore_pressure = ignore_pressure;
    Error error;
    Handle<kl_model> model;
    EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings, &model, &error), KL_OK) << error.message;
    return model;
  }

  void ExpectSameLogits(kl_session* session, const std::vector<std::vector<float>>& expected) {
    Error error;
    ASSERT_EQ(kl_session_rewind(session, 0, &error), KL_OK) << error.message;
    const auto logits = AllLogits(session, StreamedPrompt());
    ASSERT_EQ(logits.size(), expected.size());
    for (size_t t = 0; t < logits.size(); ++t) {
      ASSERT_EQ(memcmp(logits[t].data(), expected[t].data(), logits[t].size() * sizeof(float)), 0) << "token " << t;
    }
  }

  // Computes until it is so; false when a minute was not enough.
  template <typename Condition>
  bool ComputeUntil(kl_session* session, const std::vector<std::vector<float>>& expected, Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (HasFatalFailure() || std::chrono::steady_clock::now() > end) return false;
      ExpectSameLogits(session, expected);
    }
    return true;
  }

  const TempFolder folder_;
  std::string path_;
  Handle<kl_runtime> runtime_;
};

TEST_F(PressureTest, TheCacheShrinksAndGrowsBackAndTokensStayTheSame) {
  const Handle<kl_model> model = Load(false);
  const Handle<kl_session> session = MakeStreamedSession(model.get());
  const auto expected = AllLogits(session.get(), StreamedPrompt());
  const kl_expert_stats whole = ExpertStats(model.get());
  EXPECT_FALSE(whole.pressed);
  EXPECT_NE(std::string(whole.pressure).find("cgroup v1; 500 of 1000 MiB"), std::string::npos) << whole.pressure;
  ASSERT_GT(whole.slot_count, 32u);

  Use(kLimitBytes);
  ASSERT_TRUE(ComputeUntil(session.get(), expected, [&] { return ExpertStats(model.get()).pressed; }));
  ExpectSameLogits(session.get(), expected);
  const kl_expert_stats shrunk = ExpertStats(model.get());
  EXPECT_GE(shrunk.pressure_shrink_count, 1u);
  EXPECT_LT(shrunk.slot_count + 10, whole.slot_count);
  EXPECT_GE(shrunk.slot_count, 16u);  // a layer's experts
  EXPECT_LT(shrunk.budget_bytes, whole.budget_bytes);
  EXPECT_NE(std::string(shrunk.pressure).find("1000 of 1000 MiB"), std::string::npos) << shrunk.pressure;

  Use(kLimitBytes / 2);
  ASSERT_TRUE(ComputeUntil(session.get(), expected, [&] { return !ExpertStats(model.get()).pressed; }));
  ExpectSameLogits(session.get(), expected);
  EXPECT_GE(ExpertStats(model.get()).pressure_grow_count, 1u);
  EXPECT_GE(ExpertStats(model.get()).slot_count + 1, whole.slot_count);
}

TEST_F(PressureTest, HoweverLongItLastsALayerStays) {
  Use(2 * kLimitBytes);
  const Handle<kl_model> model = Load(false);
  const Handle<kl_session> session = MakeStreamedSession(model.get());
  const auto expected = AllLogits(session.get(), StreamedPrompt());
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1300);
  while (std::chrono::steady_clock::now() < end) ExpectSameLogits(session.get(), expected);
  const kl_expert_stats stats = ExpertStats(model.get());
  EXPECT_GE(stats.slot_count, 16u);
  EXPECT_LE(stats.slot_count, 17u);
}

TEST_F(PressureTest, ItCanBeIgnored) {
  Use(kLimitBytes);
  const Handle<kl_model> model = Load(true);
  const uint64_t slots = ExpertStats(model.get()).slot_count;
  const Handle<kl_session> session = MakeStreamedSession(model.get());
  AllLogits(session.get(), StreamedPrompt());
  EXPECT_EQ(ExpertStats(model.get()).pressure_shrink_count, 0u);
  EXPECT_GE(ExpertStats(model.get()).slot_count + 2, slots);
  EXPECT_STREQ(ExpertStats(model.get()).pressure, "not looked at");
}

}  // namespace
}  // namespace kinglet
