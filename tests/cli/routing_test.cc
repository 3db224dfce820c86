// Recorded routing: what chat and bench write is what replay and inspect read.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/cli/model_fixture.h"

namespace kinglet {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class RoutingTest : public CliModelTest {
 protected:
  static std::string Path(const std::string& name) {
    return testing::TempDir() + "routing_" + name;
  }

  static std::string Content(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  // Tokens of a recording as replay counts them.
  static uint64_t Tokens(const std::string& path, bool with_prompt) {
    std::vector<std::string> arguments = {"replay", path, "--json", "--sizes", "50"};
    if (with_prompt) arguments.push_back("--with-prompt");
    const ProgramResult result = RunKinglet(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.status == 0 ? json::parse(result.out)["tokens"].get<uint64_t>() : 0;
  }

  // All choices of a recording; the rows are read here, beside the program's own reader.
  static std::vector<std::vector<uint16_t>> Rows(const std::string& path) {
    const std::string content = Content(path);
    const size_t line = content.find('\n') + 1;
    const json header = json::parse(content.substr(0, line));
    const size_t ids = header["layers"].get<size_t>() * header["top_k"].get<size_t>();
    EXPECT_EQ((content.size() - line) % (2 * (1 + ids)), 0u);
    std::vector<std::vector<uint16_t>> rows;
    for (size_t at = line; at < content.size(); at += 2 * (1 + ids)) {
      rows.emplace_back(1 + ids);
      memcpy(rows.back().data(), content.data() + at, 2 * (1 + ids));
    }
    return rows;
  }
};

TEST_F(RoutingTest, BenchRecordsTheFirstRepetitionOfEachTest) {
  const std::string path = Path("bench");
  const ProgramResult result = RunKinglet({"bench", "-m", Model(), "-p", "0", "-n", "0", "-pg",
                                           "20,7", "-r", "3", "-t", "1", "--record-routing", path});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(Tokens(path, false), 7u);
  EXPECT_EQ(Tokens(path, true), 27u);
  const auto rows = Rows(path);
  ASSERT_EQ(rows.size(), 27u);
  for (size_t token = 0; token < rows.size(); ++token) {
    EXPECT_EQ(rows[token][0], (token < 20 ? 1 : 0) + (token == 0 ? 2 : 0)) << token;
  }
}

TEST_F(RoutingTest, TokensAreRoutedTheSameInBatchesAndOneByOne) {
  std::vector<std::vector<std::vector<uint16_t>>> recordings;
  for (const char* batch : {"16", "1"}) {
    const std::string path = Path(std::string("batch") + batch);
    const ProgramResult result =
        RunKinglet({"bench", "-m", Model(), "-p", "16", "-n", "0", "-b", batch, "-r", "1",
                    "--no-warmup", "--record-routing", path});
    ASSERT_EQ(result.status, 0) << result.err;
    recordings.push_back(Rows(path));
    for (auto& row : recordings.back()) row[0] = 0;
  }
  EXPECT_EQ(recordings[0], recordings[1]);
}

TEST_F(RoutingTest, ChatRecordsPromptAndAnswer) {
  const std::string path = Path("chat");
  const ProgramResult result = RunKinglet(
      {"chat", "-m", Model(), "-p", "Hello", "-n", "9", "--temp", "0", "--record-routing", path});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(Tokens(path, false), 9u);
  EXPECT_GT(Tokens(path, true), 9u);
  const json header = json::parse(Content(path).substr(0, Content(path).find('\n')));
  EXPECT_EQ(header["fingerprint"].get<std::string>().size(), 16u);
}

// The model of these tests fits in memory many times over; what a profile does to a cache is shown
// in tests/streaming.
TEST_F(RoutingTest, ARecordingBecomesAProfileOfThisModelOnly) {
  const std::string recording = Path("profile_source"), profile = Path("profile");
  const auto chat = [&](const std::string& model, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"chat", "-m", model,    "-p", "Hello",
                                          "-n",   "9",  "--temp", "0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunKinglet(arguments);
  };
  const ProgramResult plain = chat(Model(), {"--record-routing", recording});
  ASSERT_EQ(plain.status, 0) << plain.err;
  const ProgramResult replay = RunKinglet({"replay", recording, "--write-profile", profile});
  ASSERT_EQ(replay.status, 0) << replay.err;
  EXPECT_THAT(Content(profile), HasSubstr("kinglet-expert-profile 1\n"));
  const ProgramResult with = chat(Model(), {"--expert-profile", profile});
  EXPECT_EQ(with.status, 0) << with.err;
  EXPECT_EQ(with.out, plain.out);
  const std::string other = Path("other.gguf");
  ASSERT_EQ(RunKinglet({"make-model", "--preset", "tiny", "-s", "7", "-o", other}).status, 0);
  const ProgramResult refused = chat(other, {"--expert-profile", profile});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("another model"));
  // Made routing is of no model.
  EXPECT_EQ(RunKinglet({"replay", "--synthetic", "--write-profile", Path("none")}).status, 65);
}

TEST_F(RoutingTest, HeatMapsAgreeWithTheRecording) {
  const std::string recording = Path("heat"), svg = Path("heat.svg");
  const ProgramResult chat =
      RunKinglet({"chat", "-m", Model(), "-n", "9", "--temp", "0", "--record-routing", recording},
                 "Hello\n/experts " + svg + "\n/stats\n");
  ASSERT_EQ(chat.status, 0) << chat.err;
  const auto rows = Rows(recording);
  EXPECT_THAT(chat.err, HasSubstr(std::to_string(rows.size()) + " tokens, "));
  EXPECT_THAT(Content(svg), testing::EndsWith("</svg>\n"));
  const ProgramResult inspect = RunKinglet({"inspect", "--experts", recording, "--json"});
  ASSERT_EQ(inspect.status, 0) << inspect.err;
  const json use = json::parse(inspect.out);
  EXPECT_EQ(use["tokens"], rows.size());
  const size_t layers = use["layers"].get<size_t>(), experts = use["experts"].get<size_t>();
  const size_t top_k = use["top_k"].get<size_t>();
  std::vector<std::vector<uint64_t>> counts(layers, std::vector<uint64_t>(experts));
  for (const auto& row : rows) {
    for (size_t i = 1; i < row.size(); ++i) {
      if (row[i] != 0xffff) ++counts[(i - 1) / top_k][row[i]];
    }
  }
  EXPECT_EQ(use["counts"].get<std::vector<std::vector<uint64_t>>>(), counts);
  const ProgramResult text = RunKinglet({"inspect", "--experts", recording, "--svg", svg});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("top 1/4"));
  EXPECT_EQ(RunKinglet({"inspect", "--experts", recording, Model()}).status, 64);
  EXPECT_EQ(RunKinglet({"inspect", "--svg", svg, Model()}).status, 64);
  EXPECT_EQ(RunKinglet({"inspect"}).status, 64);
  EXPECT_EQ(RunKinglet({"inspect", "--experts", Model()}).status, 65);
  EXPECT_EQ(RunKinglet({"inspect", "--experts", Path("missing")}).status, 66);
}

TEST_F(RoutingTest, MistakesAreSaidAndLeaveNoFile) {
  const auto bench = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"bench", "-m", Model(), "-p", "0", "-n", "2", "-r", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunKinglet(arguments);
  };
  EXPECT_EQ(bench({"--record-routing", "/no/such/folder/x"}).status, 74);
  const ProgramResult full = bench({"--record-routing", "/dev/full"});
  EXPECT_EQ(full.status, 74);
  EXPECT_THAT(full.err, HasSubstr("No space left"));
  const std::string path = Path("none");
  EXPECT_EQ(bench({"-t", "1,2", "--record-routing", path}).status, 64);
  const std::string dense = Path("dense.gguf");
  ASSERT_EQ(RunKinglet({"make-model", "--preset", "tiny", "--arch", "llama", "-o", dense}).status,
            0);
  const ProgramResult no_experts =
      RunKinglet({"chat", "-m", dense, "-p", "Hi", "--record-routing", path});
  EXPECT_EQ(no_experts.status, 64);
  EXPECT_THAT(no_experts.err, HasSubstr("no experts"));
  EXPECT_FALSE(std::filesystem::exists(path));
  // A chat without a message records nothing, and says so.
  EXPECT_EQ(RunKinglet({"chat", "-m", Model(), "--record-routing", path}, "").status, 1);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace kinglet
