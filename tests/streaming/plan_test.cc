// What a plan says before loading is what loading then does.
#include <sstream>

#include "tests/streaming/streamed_model.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr uint64_t kProgramBytes = uint64_t{60} << 20;

class PlanTest : public testing::Test {
 protected:
  void SetUp() override { runtime_ = MakeRuntime(WithThreads(2)); }

  static kl_model_options Options(uint64_t memory_bytes) {
    kl_model_options options = {};
    options.struct_size = sizeof options;
    kl_model_default_options(&options);
    options.memory_bytes = memory_bytes;
    options.session_context_length = kStreamedContext;
    options.session_batch = 32;
    options.program_bytes = kProgramBytes;
    return options;
  }

  Handle<kl_model> Load(const std::string& path, kl_model_options options, kl_code expected = KL_OK) {
    Error error;
    kl_model* model = nullptr;
    EXPECT_EQ(kl_model_load(runtime_.get(), path.c_str(), &options, &model, &error), expected) << error.message;
    message_ = error.message;
    return Handle<kl_model>(model);
  }

  Handle<kl_model> LoadPlan(const std::string& path) {
    kl_model_options options = Options(0);
    options.plan_only = true;
    return Load(path, options);
  }

  static kl_memory_plan Plan(const kl_model* model, uint64_t memory_bytes) {
    const kl_model_options options = Options(memory_bytes);
    kl_memory_plan plan = {};
    plan.struct_size = sizeof plan;
    Error error;
    EXPECT_EQ(kl_model_plan_memory(model, &options, &plan, &error), KL_OK) << error.message;
    return plan;
  }

  // What the model's budget says that it holds.
  static uint64_t Held(const kl_model* model, const std::string& name) {
    std::istringstream lines(kl_model_memory_text(model));
    uint64_t bytes = 0;
    for (std::string line; std::getline(lines, line);) {
      const size_t space = line.find(' ');
      if (line.substr(space + 1) == name) bytes = std::stoull(line);
    }
    return bytes;
  }

  // The budget `bytes` is the last that loads: `works` is made with it, and a byte less is refused.
  void ExpectSmallest(const std::string& path, const kl_memory_plan& plan) {
    const Handle<kl_model> model = Load(path, Options(plan.smallest_bytes));
    ASSERT_NE(model, nullptr);
    const Handle<kl_session> session = MakeStreamedSession(model.get());
    ASSERT_NE(session, nullptr);
    Continue(session.get(), StreamedPrompt(), 4);
    Load(path, Options(plan.smallest_bytes - 1), KL_OUT_OF_BUDGET);
    EXPECT_NE(message_.find("smallest budget that works is " + std::to_string(plan.named_bytes) + " bytes"),
              std::string::npos)
        << message_;
  }

  Handle<kl_runtime> runtime_;
  std::string message_;
};

TEST_F(PlanTest, LoadingReservesWhatThePlanSays) {
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 6);
  const Handle<kl_model> planned = LoadPlan(path);
  ASSERT_NE(planned, nullptr);
  const kl_memory_plan none = Plan(planned.get(), 0);
  EXPECT_FALSE(none.streamed);
  for (const uint64_t share : {0, 1, 2, 3, 4}) {
    const uint64_t budget = none.keeping_bytes + (none.whole_bytes - none.keeping_bytes) * share / 4;
    const kl_memory_plan plan = Plan(planned.get(), budget);
    const Handle<kl_model> model = Load(path, Options(budget));
    ASSERT_NE(model, nullptr);
    const Handle<kl_session> session = MakeStreamedSession(model.get());
    ASSERT_NE(session, nullptr);
    Continue(session.get(), StreamedPrompt(), 2);
    const kl_expert_stats stats = ExpertStats(model.get());
    EXPECT_TRUE(plan.fits);
    EXPECT_EQ(plan.streamed, share < 4);
    EXPECT_EQ(plan.streamed, stats.streamed);
    EXPECT_EQ(plan.slot_count, stats.slot_count) << share;
    EXPECT_EQ(plan.slot_bytes, stats.slot_bytes);
    EXPECT_EQ(plan.expert_bytes, stats.budget_bytes);
    EXPECT_EQ(plan.expert_bytes, Held(model.get(), "experts in memory"));
    EXPECT_EQ(plan.program_bytes, Held(model.get(), "the program"));
    EXPECT_EQ(plan.mapped_bytes + plan.looked_up_bytes, Held(model.get(), "mapped weights"));
    EXPECT_EQ(plan.packed_bytes, Held(model.get(), "packed weights"));
    EXPECT_EQ(plan.cache_bytes, Held(model.get(), "cache"));
    EXPECT_EQ(plan.activation_bytes, Held(model.get(), "activations"));
    EXPECT_EQ(std::string(plan.description), plan.streamed ? stats.description : "");
  }
}

TEST_F(PlanTest, TheSmallestBudgetIsExact) {
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 6);
  const Handle<kl_model> planned = LoadPlan(path);
  ASSERT_NE(planned, nullptr);
  const kl_memory_plan plan = Plan(planned.get(), 0);
  EXPECT_FALSE(Plan(planned.get(), plan.smallest_bytes - 1).fits);
  EXPECT_TRUE(Plan(planned.get(), plan.smallest_bytes).fits);
  ExpectSmallest(path, plan);
  EXPECT_TRUE(ExpertStats(Load(path, Options(plan.whole_bytes - 1)).get()).streamed);
  EXPECT_FALSE(ExpertStats(Load(path, Options(plan.whole_bytes)).get()).streamed);
}

TEST_F(PlanTest, LoadingStreamsWhatThePlanSays) {
  for (const bool dense : {false, true}) {
    const TempFolder folder;
    const std::string path = MakeLargeWeightsModel(folder.path(), "q4_0", dense);
    const Handle<kl_model> planned = LoadPlan(path);
    ASSERT_NE(planned, nullptr);
    const kl_memory_plan none = Plan(planned.get(), 0);
    ASSERT_LT(none.smallest_bytes, none.keeping_bytes);
    ExpectSmallest(path, none);
    for (const uint64_t share : {0, 1, 2}) {
      const uint64_t budget = none.smallest_bytes + (none.keeping_bytes - 1 - none.smallest_bytes) * share / 2;
      const kl_memory_plan plan = Plan(planned.get(), budget);
      const Handle<kl_model> model = Load(path, Options(budget));
      ASSERT_NE(model, nullptr);
      const Handle<kl_session> session = MakeStreamedSession(model.get());
      ASSERT_NE(session, nullptr);
      Continue(session.get(), StreamedPrompt(), 2);
      kl_weight_stats stats = {};
      stats.struct_size = sizeof stats;
      ASSERT_EQ(kl_model_weight_stats(model.get(), &stats), KL_OK);
      ASSERT_TRUE(stats.streamed);
      EXPECT_EQ(plan.stream_bytes, stats.budget_bytes);
      EXPECT_EQ(plan.stream_bytes, Held(model.get(), "streamed weights"));
      EXPECT_EQ(plan.streamed_weight_bytes, stats.total_bytes);
      EXPECT_EQ(plan.kept_weight_bytes, stats.kept_bytes);
      EXPECT_EQ(plan.streamed, !dense);
      EXPECT_EQ(plan.expert_bytes, Held(model.get(), "experts in memory"));
      EXPECT_EQ(plan.packed_bytes, Held(model.get(), "packed weights"));
      EXPECT_EQ(plan.mapped_bytes + plan.looked_up_bytes, Held(model.get(), "mapped weights"));
      EXPECT_EQ(plan.activation_bytes, Held(model.get(), "activations"));
    }
    EXPECT_EQ(Plan(planned.get(), none.keeping_bytes).stream_bytes, 0u);
    const kl_model_options options = Options(0);
    uint64_t bytes_per_second = 0;
    Error error;
    EXPECT_EQ(kl_model_probe_weights(planned.get(), &options, &bytes_per_second, &error), KL_OK) << error.message;
    EXPECT_GT(bytes_per_second, 0u);
  }
}

TEST_F(PlanTest, TheSmallestBudgetOfADenseModelIsExact) {
  const TempFolder folder;
  const std::string path = folder.path() + "/dense.gguf";
  const std::string make = StartCommand("./kinglet") + " make-model --arch llama --preset tiny --context 256 --vocab " +
                           std::to_string(kStreamedVocabulary) + " --seed 3 -o " + path;
  ASSERT_EQ(system(make.c_str()), 0);
  const Handle<kl_model> planned = LoadPlan(path);
  ASSERT_NE(planned, nullptr);
  const kl_memory_plan plan = Plan(planned.get(), 0);
  EXPECT_EQ(plan.expert_count, 0u);
  EXPECT_EQ(plan.keeping_bytes, plan.whole_bytes);
  ExpectSmallest(path, plan);
}

TEST_F(PlanTest, AProbeCountsWhatIsRead) {
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 2);
  const Handle<kl_model> planned = LoadPlan(path);
  ASSERT_NE(planned, nullptr);
  const kl_memory_plan plan = Plan(planned.get(), 0);
  const kl_model_options options = Options((plan.smallest_bytes + plan.whole_bytes) / 2);
  kl_expert_probe probe = {};
  probe.struct_size = sizeof probe;
  Error error;
  ASSERT_EQ(kl_model_probe_experts(planned.get(), &options, 4, INT64_MAX, &probe, &error), KL_OK) << error.message;
  EXPECT_GT(probe.group_count, 0u);
  EXPECT_LE(probe.group_count, 32 * plan.expert_count / 4);
  EXPECT_GE(probe.read_bytes, probe.group_count * 4 * (uint64_t{1} << 20));
  EXPECT_LT(probe.read_bytes, probe.group_count * 4 * (uint64_t{2} << 20));
  EXPECT_GT(probe.ns, 0);
}

TEST_F(PlanTest, ACacheThatIsLimitedGrowsAgain) {
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 6);
  const kl_memory_plan plan = Plan(LoadPlan(path).get(), 0);
  const Handle<kl_model> model = Load(path, Options((plan.keeping_bytes + plan.whole_bytes) / 2));
  ASSERT_NE(model, nullptr);
  const std::vector<int32_t> tokens = Continue(MakeStreamedSession(model.get()).get(), StreamedPrompt(), 4);
  const kl_expert_stats before = ExpertStats(model.get());
  kl_model_limit_experts(model.get(), before.budget_bytes - 10 * plan.expert_slot_bytes);
  EXPECT_EQ(Continue(MakeStreamedSession(model.get()).get(), StreamedPrompt(), 4), tokens);
  EXPECT_LE(ExpertStats(model.get()).slot_count, before.slot_count - 10);
  kl_model_limit_experts(model.get(), 1);
  EXPECT_EQ(Continue(MakeStreamedSession(model.get()).get(), StreamedPrompt(), 4), tokens);
  EXPECT_EQ(ExpertStats(model.get()).budget_bytes, plan.least_expert_bytes);
  kl_model_limit_experts(model.get(), UINT64_MAX);
  EXPECT_EQ(Continue(MakeStreamedSession(model.get()).get(), StreamedPrompt(), 4), tokens);
  EXPECT_EQ(ExpertStats(model.get()).slot_count, before.slot_count);
}

TEST_F(PlanTest, APlanCannotCompute) {
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 2);
  const Handle<kl_model> planned = LoadPlan(path);
  ASSERT_NE(planned, nullptr);
  kl_session* session = nullptr;
  Error error;
  EXPECT_EQ(kl_session_create(planned.get(), nullptr, &session, &error), KL_FAILED_PRECONDITION);
  EXPECT_NE(std::string(error.message).find("plan_only"), std::string::npos) << error.message;
}

TEST_F(PlanTest, TheFirstLayersRunByThemselves) {
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 6);
  kl_model_options options = Options(0);
  options.layer_limit = 2;
  const Handle<kl_model> model = Load(path, options);
  ASSERT_NE(model, nullptr);
  kl_model_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(kl_model_describe(model.get(), &info), KL_OK);
  EXPECT_EQ(info.layer_count, 2);
  EXPECT_FALSE(info.has_tokenizer);
  const Handle<kl_session> session = MakeStreamedSession(model.get());
  ASSERT_NE(session, nullptr);
  Continue(session.get(), StreamedPrompt(), 2);
}

}  // namespace
}  // namespace kinglet
