#include "tools/bench/result.h"

#include <algorithm>

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

TEST(ResultTest, JsonHasTheFieldNamesThatToolsRead) {
  const auto json = nlohmann::json::parse(JsonTable({Sample()}), nullptr, false);
  ASSERT_TRUE(json.is_array());
  ASSERT_EQ(json.size(), 1u);
  for (const char* field : {"model_filename",
                            "model_type",
                            "model_size",
                            "model_n_params",
                            "n_threads",
                            "n_prompt",
                            "n_gen",
                            "n_depth",
                            "avg_ts",
                            "stddev_ts",
                            "avg_ns",
                            "stddev_ns",
                            "samples_ts",
                            "samples_ns",
                            "test_time",
                            "peak_rss_bytes",
                            "bytes_per_token",
                            "load_ns",
                            "bytes_per_token_read",
                            "bytes_per_second",
                            "roof_bytes_per_second",
                            "share_of_roof",
                            "prompt_source",
                            "kinglet_version"}) {
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

TEST(ResultTest, ShareOfRoofIsBytesReadASecondOverTheStreamingRead) {
  BenchResult result = Sample();
  result.bytes_per_token_read = 500'000'000;
  EXPECT_DOUBLE_EQ(result.BytesPerSecond(), 24.0 * 5e8);
  EXPECT_EQ(result.ShareOfRoof(), 0) << "not measured";
  result.roof_bytes_per_second = 16e9;
  EXPECT_DOUBLE_EQ(result.ShareOfRoof(), 0.75);
  result.n_prompt = 8;
  EXPECT_EQ(result.ShareOfRoof(), 0) << "a prompt shares its weights";
}

TEST(ResultTest, SqlMakesATableAndQuotes) {
  BenchResult result = Sample();
  result.model_filename = "it's.gguf";
  const std::string sql = SqlStatements({result, result});
  EXPECT_EQ(sql.find("CREATE TABLE IF NOT EXISTS kinglet_bench (\n  kinglet_version TEXT,\n"), 0u);
  EXPECT_NE(sql.find("  n_gen INTEGER,\n"), std::string::npos);
  EXPECT_NE(sql.find("  avg_ts REAL,\n"), std::string::npos);
  EXPECT_NE(sql.find("'it''s.gguf'"), std::string::npos);
  EXPECT_EQ(std::count(sql.begin(), sql.end(), ';'), 3);
}

TEST(ResultTest, JsonHoldsProfilesAndRatio) {
  BenchResult result = Sample();
  result.earlier_tokens_per_second = 12;
  result.profiles.push_back({"tg64", 10, {{"matmul", "matmul_x", 3, 30, 5000, 700, true}}});
  const auto json = nlohmann::json::parse(JsonTable({result}), nullptr, false);
  EXPECT_DOUBLE_EQ(json[0]["ratio"].get<double>(), 2.0);
  const auto& profile = json[0]["profiles"][0];
  EXPECT_EQ(profile["test"], "tg64");
  EXPECT_DOUBLE_EQ(profile["operators"][0]["ns_per_token"].get<double>(), 500.0);
  EXPECT_DOUBLE_EQ(profile["operators"][0]["weight_bytes_per_token"].get<double>(), 70.0);
}

TEST(ResultTest, JsonLinesHoldOneObjectEach) {
  const std::string lines = JsonLines({Sample(), Sample()});
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_TRUE(nlohmann::json::parse(lines.substr(0, lines.find('\n')), nullptr, false).is_object());
}

}  // namespace
}  // namespace kinglet::tools
