// The same kernels under a language model: f32 matmul by XNNPACK and oneDNN, from one token to a
// batch of many.
#include <memory>

#include "gmock/gmock.h"
#include "tests/cnn/network_test.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

// The parameter is the library's name, of the plugin and in its kernel's name.
class LibraryMatmulTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { KL_REQUIRE_TESTDATA(); }

  static std::string path() { return TestDataFolder() + "/llm/stories260K-f32.gguf"; }
  static std::string kernel() { return "matmul_f32_" + GetParam(); }
  static Handle<kl_runtime> PinnedRuntime() {
    RuntimeSettings settings;
    settings.thread_count = 2;
    settings.pinned_kernels = {"matmul=" + kernel()};
    return MakeRuntime(settings);
  }
};

TEST_P(LibraryMatmulTest, LogitsAgreeWithTheReference) {
  const auto reference_runtime = MakeReferenceRuntime(), runtime = PinnedRuntime();
  const auto reference_model = LoadModel(reference_runtime.get(), path()),
             model = LoadModel(runtime.get(), path());
  ASSERT_NE(model, nullptr);
  EXPECT_THAT(kl_model_plan_text(model.get()), testing::HasSubstr(kernel()));
  const std::vector<int32_t> tokens =
      Tokenize(model.get(), "Once upon a time, there was a little girl", KL_TOKENIZE_ADD_SPECIAL);
  ASSERT_GT(tokens.size(), 5u);
  const auto reference_session = MakeGreedySession(reference_model.get()),
             session = MakeGreedySession(model.get());
  EXPECT_LE(LargestDifference(AllLogits(session.get(), tokens),
                              AllLogits(reference_session.get(), tokens)),
            1e-4);
}

TEST_P(LibraryMatmulTest, TokenByTokenTellsTheSameStory) {
  const auto reference_runtime = MakeReferenceRuntime(), runtime = PinnedRuntime();
  const auto reference_model = LoadModel(reference_runtime.get(), path()),
             model = LoadModel(runtime.get(), path());
  ASSERT_NE(model, nullptr);
  const std::vector<int32_t> prompt =
      Tokenize(model.get(), "Once upon a time", KL_TOKENIZE_ADD_SPECIAL);
  const auto reference_session = MakeGreedySession(reference_model.get()),
             session = MakeGreedySession(model.get());
  EXPECT_EQ(Continue(session.get(), prompt, 40), Continue(reference_session.get(), prompt, 40));
}

INSTANTIATE_TEST_SUITE_P(Libraries, LibraryMatmulTest, testing::Values("xnnpack", "onednn"),
                         [](const testing::TestParamInfo<std::string>& info) {
                           return info.param;
                         });

}  // namespace
}  // namespace kinglet
