// A budget that does not hold the weights: they are read for every pass, and change nothing but
// time.
#include <algorithm>
#include <cstring>
#include <ostream>

#include "tests/streaming/streamed_model.h"
#include "tests/support/emulator.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

kl_weight_stats WeightStats(const kl_model* model) {
  kl_weight_stats stats = {};
  stats.struct_size = sizeof stats;
  EXPECT_EQ(kl_model_weight_stats(model, &stats), KL_OK);
  return stats;
}

struct Case {
  const char* type;
  bool dense;
};
void PrintTo(const Case& value, std::ostream* out) {
  *out << value.type << (value.dense ? " dense" : " experts");
}

class WeightStreamingTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    path_ = MakeLargeWeightsModel(folder_.path(), GetParam().type, GetParam().dense);
    runtime_ = MakeRuntime(WithThreads(2));
    prompt_ = StreamedPrompt(IsEmulated() ? 6 : 70, kLargeVocabulary);
    Handle<kl_model> model = Load(0);
    ASSERT_NE(model, nullptr);
    EXPECT_FALSE(WeightStats(model.get()).streamed);
    expected_ = AllLogits(MakeStreamedSession(model.get()).get(), prompt_);
    tokens_ = Continue(MakeStreamedSession(model.get()).get(), prompt_, kContinued);
  }
  const int32_t kContinued = IsEmulated() ? 3 : 10;
  // This process keeps some of what earlier models have used: budgets are to mean the same all the same.
  static constexpr uint64_t kProgramBytes = 64 << 20;
  uint64_t Smallest() { return SmallestBudget(runtime_.get(), path_, kProgramBytes); }
  Handle<kl_model> Load(uint64_t memory_bytes, const std::string& reader = "") {
    Error error;
    Handle<kl_model> model;
    StreamSettings settings;
    settings.memory_bytes = memory_bytes;
    settings.reader = reader;
    settings.program_bytes = kProgramBytes;
    EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings, &model, &error), KL_OK)
        << error.message;
    return model;
  }
  void ExpectSame(kl_model* model) {
    const auto logits = AllLogits(MakeStreamedSession(model).get(), prompt_);
    ASSERT_EQ(logits.size(), expected_.size());
    for (size_t t = 0; t < logits.size(); ++t) {
      ASSERT_EQ(memcmp(logits[t].data(), expected_[t].data(), logits[t].size() * sizeof(float)), 0)
          << "token " << t << ", " << WeightStats(model).description;
    }
    EXPECT_EQ(Continue(MakeStreamedSession(model).get(), prompt_, kContinued), tokens_);
  }

  const TempFolder folder_;
  std::string path_;
  Handle<kl_runtime> runtime_;
  std::vector<int32_t> prompt_;
  std::vector<std::vector<float>> expected_;
  std::vector<int32_t> tokens_;
};

TEST_P(WeightStreamingTest, LogitsAreTheSameForAnyBudget) {
  uint64_t kept_before = 0;
  for (const uint64_t more : {uint64_t{0}, uint64_t{1} << 20, uint64_t{3} << 20}) {
    const Handle<kl_model> model = Load(Smallest() + more);
    ASSERT_NE(model, nullptr);
    const kl_weight_stats stats = WeightStats(model.get());
    ASSERT_TRUE(stats.streamed);
    EXPECT_GT(stats.total_bytes, 8u << 20);
    EXPECT_EQ(stats.bytes_per_pass, stats.total_bytes - stats.kept_bytes);
    EXPECT_GT(stats.bytes_per_second, 0u);
    EXPECT_GE(stats.kept_bytes, kept_before);
    kept_before = stats.kept_bytes;
    ExpectSame(model.get());
  }
  EXPECT_GT(kept_before, 0u) << "what is left of the budget keeps some";
}

TEST_P(WeightStreamingTest, LogitsAreTheSameForAnyReader) {
  for (const char* reader : {"pread", "buffered"}) {
    const Handle<kl_model> model = Load(Smallest(), reader);
    ASSERT_NE(model, nullptr);
    ASSERT_TRUE(WeightStats(model.get()).streamed);
    ExpectSame(model.get());
  }
}

TEST_P(WeightStreamingTest, EachWeightIsReadOnceABatch) {
  const Handle<kl_model> model = Load(Smallest());
  ASSERT_NE(model, nullptr);
  const Handle<kl_session> session = MakeStreamedSession(model.get());
  const std::vector<int32_t> tokens = StreamedPrompt(32, kLargeVocabulary);
  const auto read_by = [&](size_t count) {
    const uint64_t before = WeightStats(model.get()).read_bytes;
    Error error;
    EXPECT_EQ(kl_session_prefill(session.get(), tokens.data(), count, nullptr, nullptr, &error),
              KL_OK)
        << error.message;
    return WeightStats(model.get()).read_bytes - before;
  };
  read_by(1);  // what is kept is there now
  const uint64_t pass = WeightStats(model.get()).bytes_per_pass;
  // Whole blocks: a little more than the weights.
  const uint64_t one = read_by(1), batch = read_by(32);
  EXPECT_GE(one, pass);
  EXPECT_LE(one, pass + pass / 16);
  EXPECT_EQ(batch, one);
}

TEST_P(WeightStreamingTest, ABudgetThatHoldsTheWeightsKeepsThem) {
  const Handle<kl_model> model = Load(Smallest() + (uint64_t{1} << 30));
  ASSERT_NE(model, nullptr);
  EXPECT_FALSE(WeightStats(model.get()).streamed);
  EXPECT_EQ(WeightStats(model.get()).read_bytes, 0u);
}

TEST_P(WeightStreamingTest, AllLogitsAreThereWhenTheyAreAskedFor) {
  const Handle<kl_model> model = Load(Smallest());
  ASSERT_NE(model, nullptr);
  const Handle<kl_session> session = MakeStreamedSession(model.get());
  Error error;
  ASSERT_EQ(
      kl_session_prefill(session.get(), prompt_.data(), prompt_.size(), nullptr, nullptr, &error),
      KL_OK)
      << error.message;
  size_t count = 0;
  const float* logits = kl_session_logits(session.get(), &count);
  ASSERT_EQ(count, expected_.back().size());
  EXPECT_EQ(memcmp(logits, expected_.back().data(), count * sizeof(float)), 0);
}

// Packed weights, weights that are used as they are, a model without experts.
INSTANTIATE_TEST_SUITE_P(Models, WeightStreamingTest,
                         testing::Values(Case{"q4_0", false}, Case{"q8_0", false},
                                         Case{"q4_0", true}, Case{"f16", true}),
                         [](const testing::TestParamInfo<Case>& info) {
                           return std::string(info.param.type) +
                                  (info.param.dense ? "_dense" : "_experts");
                         });

}  // namespace
}  // namespace kinglet
