// A budget is a promise: the smallest one that loading names works, and the process stays below it.
#include <filesystem>

#include "tests/streaming/streamed_model.h"
#include "tests/support/emulator.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

TEST(BudgetTest, TheSmallestBudgetWorksAndIsKept) {
  KL_SKIP_UNDER_EMULATOR("what is resident is the emulator's, and grows with what it translates");
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 10);
  const uint64_t file_bytes = std::filesystem::file_size(path);
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const uint64_t smallest = SmallestBudget(runtime.get(), path);
  ASSERT_GT(smallest, 0u);

  // Growing, because a peak never falls.
  for (const uint64_t budget : {smallest, smallest + file_bytes / 4, smallest + file_bytes / 2}) {
    Error error;
    Handle<kl_model> model;
    StreamSettings settings;
    settings.memory_bytes = budget;
    ASSERT_EQ(LoadStreamed(runtime.get(), path, settings, &model, &error), KL_OK) << error.message;
    const Handle<kl_session> session = MakeStreamedSession(model.get());
    ASSERT_NE(session, nullptr);
    Continue(session.get(), StreamedPrompt(), 20);
    kl_session_info info = {};
    info.struct_size = sizeof info;
    ASSERT_EQ(kl_session_describe(session.get(), &info), KL_OK);
    const kl_expert_stats stats = ExpertStats(model.get());
    printf("budget %llu, peak %llu, %llu of %llu experts\n%s", static_cast<unsigned long long>(budget),
           static_cast<unsigned long long>(info.peak_resident_bytes), static_cast<unsigned long long>(stats.slot_count),
           static_cast<unsigned long long>(stats.record_count), kl_model_memory_text(model.get()));
    EXPECT_TRUE(stats.streamed);
    EXPECT_LT(stats.slot_count, stats.record_count);
    EXPECT_LE(info.peak_resident_bytes, budget);
  }
}

TEST(BudgetTest, ABudgetForEverythingStreamsNothing) {
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 2);
  const Handle<kl_runtime> runtime = MakeRuntime();
  Error error;
  Handle<kl_model> model;
  StreamSettings settings;
  settings.memory_bytes = uint64_t{8} << 30;
  ASSERT_EQ(LoadStreamed(runtime.get(), path, settings, &model, &error), KL_OK) << error.message;
  EXPECT_FALSE(ExpertStats(model.get()).streamed);
}

}  // namespace
}  // namespace kinglet
