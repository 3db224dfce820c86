#include "tools/bench/compare.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

BenchResult Measured(const char* model, int64_t threads, int64_t generated) {
  BenchResult result;
  result.model_filename = model;
  result.n_threads = threads;
  result.n_gen = generated;
  result.samples_ns = {1'000'000'000};
  return result;
}

TEST(CompareTest, ReadsWhatThisProgramPrints) {
  const std::vector<BenchResult> results = {
      Measured("/x/a.gguf", 1, 10), Measured("/x/b.gguf", 1, 20), Measured("/x/b.gguf", 2, 20)};
  for (const std::string& text : {JsonTable(results), JsonLines(results)}) {
    std::vector<EarlierResult> earlier;
    ASSERT_TRUE(ParseEarlier("old.json", text, &earlier).ok());
    EXPECT_DOUBLE_EQ(FindEarlier(earlier, Measured("/elsewhere/b.gguf", 1, 20)), 20);
    EXPECT_EQ(FindEarlier(earlier, Measured("a.gguf", 4, 10)), 0) << "other threads";
    EXPECT_EQ(FindEarlier(earlier, Measured("a.gguf", 1, 11)), 0) << "another test";
    EXPECT_DOUBLE_EQ(FindEarlier(earlier, Measured("c.gguf", 2, 20)), 20)
        << "any model rather than none";
  }
}

TEST(CompareTest, ReadsLlamaBench) {
  std::vector<EarlierResult> earlier;
  ASSERT_TRUE(ParseEarlier("peer.json",
                           R"([{"build_commit": "abc", "model_filename": "m.gguf", "n_threads": 2,
                                "n_prompt": 0, "n_gen": 64, "n_depth": 0, "avg_ts": 32.5}])",
                           &earlier)
                  .ok());
  EXPECT_DOUBLE_EQ(FindEarlier(earlier, Measured("m.gguf", 2, 64)), 32.5);
}

TEST(CompareTest, RefusesWhatIsNoResult) {
  for (const char* text : {"", "[]", "nonsense", "{\"avg_ts\": \"fast\"}", "[1]", "{}"}) {
    std::vector<EarlierResult> earlier;
    const Failure failure = ParseEarlier("old.json", text, &earlier);
    EXPECT_EQ(failure.exit_status, kExitBadData) << text;
    EXPECT_THAT(failure.message, testing::HasSubstr("old.json"));
  }
}

}  // namespace
}  // namespace kinglet::tools
