#include "tools/bench/result.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace kinglet::tools {
namespace {

BenchResult Sample() {
  BenchResult result;
  result.model_filename = "a \"b\".gguf";
  result.model_type = "smallthinker 4.27 B Q4_0";
  result.model_size = 2415919104;
  result.model_n_params = 4270000000;
  result.n_threads = 2;
  result.n_gen = 64;
  result.samples_ns = {2'000'000'000, 4'000'000'000};
  return result;
}

TEST(ResultTest, MeanAndDeviationAreThoseOfTheSamples) {
  EXPECT_DOUBLE_EQ(Mean({1, 2, 6}), 3);
  EXPECT_DOUBLE_EQ(StandardDeviation({2, 4, 4, 4, 5, 5, 7, 9}), 2.138089935299395);
  EXPECT_EQ(StandardDeviation({5}), 0);
  EXPECT_EQ(Mean({}), 0);
}

TEST(ResultTest, TestNamesAreThoseOfLlamaBench) {
  BenchResult result;
  result.n_prompt = 512;
  EXPECT_EQ(TestName(result), "pp512");
  result.n_gen = 128;
  EXPECT_EQ(TestName(result), "pp512+tg128");
  result.n_prompt = 0;
  result.n_depth = 4096;
  EXPECT_EQ(TestName(result), "tg128 @ d4096");
}

TEST(ResultTest, MarkdownShowsMeanAndDeviationInAlignedColumns) {
  EXPECT_EQ(MarkdownTable({Sample()}),
            "| model                    |     size | params | backend | threads | test |           "
            "t/s |\n"
            "| ------------------------ | -------: | -----: | ------- | ------: | ---: | "
            "------------: |\n"
            "| smallthinker 4.27 B Q4_0 | 2.25 GiB | 4.27 B | CPU     |       2 | tg64 | 24.00 ± "
            "11.31 |\n");
}

TEST(ResultTest, JsonHasTheFieldNamesThatToolsRead) {
  const auto json = nlohmann::json::parse(JsonTable({Sample()}), nullptr, false);
  ASSERT_TRUE(json.is_array());
  ASSERT_EQ(json.size(), 1u);
  for (const char* field :
       {"model_filename", "model_type", "model_size", "model_n_params", "n_threads", "n_prompt",
        "n_gen", "n_depth", "avg_ts", "stddev_ts", "avg_ns", "stddev_ns", "samples_ts",
        "samples_ns", "test_time", "peak_rss_bytes", "bytes_per_token", "load_ns"}) {
    EXPECT_TRUE(json[0].contains(field)) << field;
  }
  EXPECT_EQ(json[0]["model_filename"], "a \"b\".gguf");
  EXPECT_DOUBLE_EQ(json[0]["avg_ts"].get<double>(), 24.0);
  EXPECT_EQ(json[0]["avg_ns"].get<int64_t>(), 3'000'000'000);
}

TEST(ResultTest, CsvQuotesItsValues) {
  const std::string csv = CsvTable({Sample()});
  EXPECT_NE(csv.find("model_filename"), std::string::npos);
  EXPECT_NE(csv.find("\"a \"\"b\"\".gguf\""), std::string::npos);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 2);
}

TEST(ResultTest, JsonLinesHoldOneObjectEach) {
  const std::string lines = JsonLines({Sample(), Sample()});
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_TRUE(nlohmann::json::parse(lines.substr(0, lines.find('\n')), nullptr, false).is_object());
}

}  // namespace
}  // namespace kinglet::tools
