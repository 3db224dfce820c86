// The other commands, on a model that make-model made.
#include <cmath>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/cli/model_fixture.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

std::string FileContent(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class ToolsTest : public CliModelTest {};

TEST_F(ToolsTest, MakeModelGivesTheSameFileForAnyNumberOfThreads) {
  const std::string path = testing::TempDir() + "cli_threads.gguf";
  ASSERT_EQ(RunKinglet({"make-model", "--preset", "tiny", "-t", "1", "-o", path}).status, 0);
  const std::string one = FileContent(path);
  ASSERT_EQ(RunKinglet({"make-model", "--preset", "tiny", "-t", "5", "-o", path}).status, 0);
  EXPECT_EQ(FileContent(path), one);
  ASSERT_EQ(RunKinglet({"make-model", "--preset", "tiny", "-s", "2", "-o", path}).status, 0);
  EXPECT_NE(FileContent(path), one);
}

class MakeModelTest : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(MakeModelTest, WhatItMakesAnswers) {
  const std::string path = testing::TempDir() + "cli_variant.gguf";
  std::vector<std::string> arguments = {"make-model", "-o", path};
  arguments.insert(arguments.end(), GetParam().begin(), GetParam().end());
  const ProgramResult made = RunKinglet(arguments);
  ASSERT_EQ(made.status, 0) << made.err;
  const ProgramResult answer =
      RunKinglet({"chat", "-m", path, "-p", "Hello", "-n", "4", "--temp", "0", "-c", "128"});
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_GT(answer.out.size(), 1u);
}

std::vector<std::vector<std::string>> Variants() {
  std::vector<std::vector<std::string>> variants;
  for (const char* arch : {"smallthinker", "llama", "qwen2", "qwen3", "qwen3moe", "mixtral"}) {
    variants.push_back({"--arch", arch, "--type", "q4_0"});
  }
  for (const char* type : {"f32", "f16", "bf16", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k",
                           "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs", "tq1_0", "tq2_0"}) {
    variants.push_back(
        {"--type", type, "--embedding", "256", "--ffn", "512", "--heads", "8", "--layers", "2"});
  }
  variants.push_back({"--gating", "softmax", "--untied", "--window", "16"});
  variants.push_back({"--transposed-down", "--skew", "0", "--embedding-type", "f16"});
  return variants;
}

INSTANTIATE_TEST_SUITE_P(Variants, MakeModelTest, testing::ValuesIn(Variants()));

TEST_F(ToolsTest, TokenizePrintsIdsOnOneLine) {
  const ProgramResult result = RunKinglet({"tokenize", "-m", Model(), "-p", "Hi!"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "72 105 33\n");  // the embedded tokenizer's first 256 tokens are the bytes
  EXPECT_EQ(RunKinglet({"tokenize", "-m", Model()}, "Hi!").out, result.out);
}

TEST_F(ToolsTest, TokenizeReadsSpecialTokensUnlessToldOtherwise) {
  const auto count = [](const std::string& out) {
    return std::count(out.begin(), out.end(), ' ') + 1;
  };
  EXPECT_EQ(count(RunKinglet({"tokenize", "-m", Model(), "-p", "<|im_end|>"}).out), 1);
  EXPECT_GT(count(RunKinglet({"tokenize", "-m", Model(), "--no-special", "-p", "<|im_end|>"}).out),
            5);
  const json list =
      json::parse(RunKinglet({"tokenize", "-m", Model(), "--json", "-p", "<|im_end|>"}).out);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["text"], "<|im_end|>");
}

TEST_F(ToolsTest, LogitsAreANumpyFile) {
  const std::string path = testing::TempDir() + "cli_logits.npy";
  const ProgramResult result =
      RunKinglet({"logits", "-m", Model(), "--tokens", "1,2,3", "-o", path});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string content = FileContent(path);
  EXPECT_THAT(content.substr(10, 118),
              StartsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 512), }"));
  EXPECT_EQ(content.size(), 128u + 3 * 512 * 4);
  const std::string other = testing::TempDir() + "cli_logits_2.npy";
  ASSERT_EQ(RunKinglet({"logits", "-m", Model(), "--tokens", "1,2,3", "--scheduler", "serial", "-o",
                        other})
                .status,
            0);
  EXPECT_EQ(FileContent(other), content);
  EXPECT_EQ(RunKinglet({"logits", "-m", Model(), "--tokens", "512", "-o", path}).status, 64);
}

TEST_F(ToolsTest, BothLayoutsOfDownComputeTheSame) {
  std::string logits[2];
  for (const bool transposed : {false, true}) {
    const std::string model = testing::TempDir() + "cli_layout.gguf";
    const std::string path = testing::TempDir() + "cli_layout.npy";
    std::vector<std::string> arguments = {"make-model", "-o", model};
    if (transposed) arguments.push_back("--transposed-down");
    ASSERT_EQ(RunKinglet(arguments).status, 0);
    // The reference kernels add in one order; others may add rows and columns differently.
    ASSERT_EQ(RunKinglet({"logits", "-m", model, "--tokens", "5,6,7,8", "--kernel",
                          "moe_ffn=moe_ffn_any_reference", "-o", path})
                  .status,
              0);
    logits[transposed] = FileContent(path).substr(128);
  }
  ASSERT_EQ(logits[0].size(), logits[1].size());
  const float* plain = reinterpret_cast<const float*>(logits[0].data());
  const float* turned = reinterpret_cast<const float*>(logits[1].data());
  for (size_t i = 0; i < logits[0].size() / sizeof(float); ++i)
    ASSERT_NEAR(plain[i], turned[i], 1e-4) << i;
}

TEST_F(ToolsTest, PerplexityIsANumberWithItsError) {
  const std::string text = testing::TempDir() + "cli_text.txt";
  std::ofstream out(text);
  for (int i = 0; i < 40; ++i) out << "The goldcrest weighs about as much as a sheet of paper. ";
  out.close();
  const ProgramResult result = RunKinglet({"perplexity", "-m", Model(), "-f", text, "-c", "64"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("^Final estimate: PPL = [0-9.]+ \\+/- [0-9.]+\n$"));
  const json half =
      json::parse(RunKinglet({"perplexity", "-m", Model(), "-f", text, "-c", "64", "--json"}).out);
  const json all = json::parse(
      RunKinglet({"perplexity", "-m", Model(), "-f", text, "-c", "64", "--json", "--all"}).out);
  const int64_t chunks = half["chunks"];
  EXPECT_EQ(half["scored_tokens"], chunks * 31);
  EXPECT_EQ(all["scored_tokens"], chunks * 63);
  EXPECT_GT(half["perplexity"].get<double>(), 1.0);
  EXPECT_TRUE(std::isfinite(all["perplexity"].get<double>()));
  EXPECT_EQ(RunKinglet({"perplexity", "-m", Model(), "-f", "-", "-c", "64"}, "short").status, 64);
}

TEST_F(ToolsTest, BenchPrintsLlamaBenchsTableAndFields) {
  const std::vector<std::string> flags = {"bench", "-m", Model(), "-p", "8,16", "-n",
                                          "4",     "-t", "1-2",   "-r", "2"};
  std::vector<std::string> as_json = flags;
  as_json.insert(as_json.end(), {"-o", "json"});
  const ProgramResult result = RunKinglet(as_json);
  ASSERT_EQ(result.status, 0) << result.err;
  const json list = json::parse(result.out);
  ASSERT_EQ(list.size(), 6u);
  for (const json& row : list) {
    EXPECT_EQ(row["model_filename"], Model());
    EXPECT_EQ(row["samples_ts"].size(), 2u);
    EXPECT_GT(row["avg_ts"].get<double>(), 0);
    EXPECT_GT(row["peak_rss_bytes"].get<int64_t>(), 0);
    EXPECT_GT(row["bytes_per_token"].get<int64_t>(), 0);
  }
  EXPECT_EQ(list[0]["n_prompt"], 8);
  EXPECT_EQ(list[2]["n_gen"], 4);
  EXPECT_EQ(list[5]["n_threads"], 2);
  const ProgramResult table = RunKinglet(flags);
  EXPECT_THAT(table.out, StartsWith("| model "));
  EXPECT_THAT(table.out, HasSubstr("| smallthinker "));
  EXPECT_THAT(table.out, HasSubstr("pp16 |"));
}

TEST_F(ToolsTest, BenchShowsRoofProfileAndTheRatioToAnEarlierRun) {
  const std::string earlier = testing::TempDir() + "cli_earlier.json";
  const std::vector<std::string> flags = {"bench", "-m", Model(), "-p", "8", "-n",
                                          "4",     "-t", "1",     "-r", "1"};
  std::vector<std::string> first = flags;
  first.insert(first.end(), {"-o", "json"});
  std::ofstream(earlier) << RunKinglet(first).out;
  std::vector<std::string> second = flags;
  second.insert(second.end(), {"--roof", "--profile", "--compare", earlier});
  const ProgramResult table = RunKinglet(second);
  ASSERT_EQ(table.status, 0) << table.err;
  for (const char* heading :
       {"| roof GB/s |", " before | ratio |", "pp8, profile of 8 tokens",
        "tg4, profile of 4 tokens", "| matmul ", "| all ", "prompt: built-in text"}) {
    EXPECT_THAT(table.out, HasSubstr(heading));
  }
  second.insert(second.end(), {"-o", "json"});
  const json list = json::parse(RunKinglet(second).out);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_GT(list[1]["roof_bytes_per_second"].get<double>(), 0);
  EXPECT_GT(list[1]["ratio"].get<double>(), 0);
  EXPECT_GT(list[1]["profiles"][0]["operators"].size(), 3u);
  EXPECT_LT(list[1]["peak_rss_bytes"].get<int64_t>(), 200 << 20) << "without the roof's buffer";
  EXPECT_EQ(RunKinglet({"bench", "-m", Model(), "--compare", Model()}).status, 65);
  EXPECT_EQ(RunKinglet({"bench", "-m", Model(), "--compare", "/not/there"}).status, 66);
}

TEST_F(ToolsTest, BenchMeasuresBehindADepthAndInPairs) {
  const ProgramResult result = RunKinglet(
      {"bench", "-m", Model(), "-p", "0", "-n", "2", "-pg", "4,2", "-d", "32", "-r", "1"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("tg2 @ d32 |"));
  EXPECT_THAT(result.out, HasSubstr("pp4+tg2 @ d32 |"));
  EXPECT_EQ(RunKinglet({"bench", "-m", Model(), "-p", "100000"}).status, 64);
}

TEST_F(ToolsTest, InspectShowsMetadataTensorsAndLayers) {
  const ProgramResult result = RunKinglet({"inspect", Model()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("smallthinker.expert_count"));
  EXPECT_THAT(result.out, HasSubstr("blk.0.ffn_down_exps.weight"));
  EXPECT_THAT(result.out, HasSubstr("0 - 3     RoPE, full attention, 8 experts (2 used)"));
  const json content = json::parse(RunKinglet({"inspect", "--json", Model()}).out);
  EXPECT_EQ(content["architecture"], "smallthinker");
  EXPECT_EQ(content["layers"].size(), 4u);
  EXPECT_THAT(RunKinglet({"inspect", "--plan", Model()}).out, HasSubstr("moe_ffn"));
}

TEST_F(ToolsTest, RunComputesANetworkOnNumpyFiles) {
  KL_REQUIRE_TESTDATA();
  const std::string model = TestDataFolder() + "/cnn/mlperf-tiny-resnet8.onnx";
  const ProgramResult listed = RunKinglet({"run", model, "--list"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  std::istringstream words(listed.out);
  std::string kind, name, type, shape;
  words >> kind >> name >> type;
  std::getline(words, shape);
  ASSERT_EQ(kind, "input");
  ASSERT_EQ(type, "f32");
  const std::string input = testing::TempDir() + "cli_image.npy";
  ASSERT_THAT(shape, StartsWith(" [1, "));  // of 3 * 32 * 32 elements
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       shape.substr(2, shape.size() - 3) + "), }";
  header.append(117 - header.size(), ' ');
  std::ofstream(input, std::ios::binary)
      << std::string("\x93NUMPY\x01\x00v\x00", 10) << header << '\n'
      << std::string(32 * 32 * 3 * 4, '\0');
  const std::string folder = testing::TempDir() + "cli_results";
  const ProgramResult result =
      RunKinglet({"run", model, "--input", name + "=" + input, "--output", folder, "--time"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("1 runs: fastest"));
  EXPECT_THAT(result.err, HasSubstr(".npy: "));
  EXPECT_EQ(RunKinglet({"run", model, "--output", folder}).status, 64);
}

}  // namespace
}  // namespace kinglet
