// kinglet plan, end to end on a small model.
#include <cstdint>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/cli/program.h"

namespace kinglet {
namespace {

using Json = nlohmann::json;

class PlanToolTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const ProgramResult made =
        RunKinglet({"make-model", "--preset", "tiny", "--layers", "6", "--embedding", "512", "--ffn", "512",
                    "--experts", "16", "--experts-used", "2", "--context", "256", "--window", "0", "-o", Model()});
    ASSERT_EQ(made.status, 0) << made.err;
  }
  static std::string Model() { return testing::TempDir() + "cli_plan.gguf"; }

  static Json PlanOf(std::vector<std::string> flags) {
    std::vector<std::string> arguments = {"plan", Model(), "-t", "1", "-p", "16", "-n", "16", "--json"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const ProgramResult result = RunKinglet(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
};

TEST_F(PlanToolTest, TheSmallestBudgetThatItNamesWorksElsewhere) {
  const Json plan = PlanOf({"--no-probe"});
  ASSERT_FALSE(plan.is_discarded());
  const uint64_t smallest = plan["smallest_bytes"];
  const auto bench = [](uint64_t budget) {
    return RunKinglet({"bench", "-m", Model(), "-p", "16", "-n", "16", "-r", "1", "-t", "1", "--memory",
                       std::to_string(budget)});
  };
  EXPECT_EQ(bench(smallest).status, 0) << bench(smallest).err;
  // What is named has 6 MiB of room for other processes to be larger; this one may be smaller than the one that planned.
  EXPECT_EQ(bench(smallest - (14 << 20)).status, 71);
}

TEST_F(PlanToolTest, OneBudgetIsExplained) {
  const uint64_t smallest = PlanOf({"--no-probe"})["smallest_bytes"];
  const ProgramResult result = RunKinglet(
      {"plan", Model(), "-t", "1", "-p", "16", "-n", "16", "--memory", std::to_string(smallest)});
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* text : {"In memory", "experts", "tokens per second", "first token", "Measured here", "Assumed"}) {
    EXPECT_NE(result.out.find(text), std::string::npos) << text << "\n" << result.out;
  }
}

TEST_F(PlanToolTest, ASweepRisesFromTheSmallestBudgetToEverything) {
  const std::string picture = testing::TempDir() + "cli_plan.svg";
  const Json plan = PlanOf({"--sweep", "--points", "5", "--svg", picture});
  ASSERT_FALSE(plan.is_discarded());
  const Json& points = plan["points"];
  ASSERT_GE(points.size(), 3u);
  EXPECT_EQ(points.front()["budget_bytes"], plan["smallest_bytes"]);
  EXPECT_EQ(points.back()["budget_bytes"], plan["whole_bytes"]);
  EXPECT_EQ(points.back()["streamed"], false);
  EXPECT_EQ(points.front()["streamed"], true);
  for (const Json& point : points) {
    EXPECT_GT(point["tokens_per_second"], 0);
    EXPECT_LE(point["peak_bytes"], point["budget_bytes"]);
  }
  EXPECT_GT(points.front()["storage_bytes_per_token"], points.back()["storage_bytes_per_token"]);
  std::ifstream file(picture);
  std::stringstream svg;
  svg << file.rdbuf();
  EXPECT_EQ(svg.str().find("<svg "), 0u);
  EXPECT_NE(svg.str().find("</svg>"), std::string::npos);
}

TEST_F(PlanToolTest, APreparedFileIsPlannedWith) {
  const std::string experts = testing::TempDir() + "cli_plan.experts";
  ASSERT_EQ(RunKinglet({"prepare", "-m", Model(), "-o", experts}).status, 0);
  const Json plan = PlanOf({"--no-probe"});
  const uint64_t whole = plan["whole_bytes"];
  const Json with_file = PlanOf({"--experts", experts, "--memory", std::to_string(whole - (8 << 20))});
  ASSERT_FALSE(with_file.is_discarded());
  EXPECT_EQ(with_file["points"][0]["prepared"], true);
}

TEST_F(PlanToolTest, ABudgetThatIsTooSmallAndFlagsThatContradict) {
  const ProgramResult small = RunKinglet({"plan", Model(), "--memory", "1MiB"});
  EXPECT_EQ(small.status, 71);
  EXPECT_NE(small.err.find("smallest budget that works"), std::string::npos) << small.err;
  EXPECT_EQ(RunKinglet({"plan", Model(), "--memory", "1GiB", "--sweep"}).status, 64);
  EXPECT_EQ(RunKinglet({"plan", Model(), "--svg", "x.svg"}).status, 64);
  EXPECT_EQ(RunKinglet({"plan", Model(), "-c", "64"}).status, 64);  // the default prompt does not fit
  EXPECT_EQ(RunKinglet({"plan", "nothing.gguf"}).status, 66);
  EXPECT_EQ(RunKinglet({"plan"}).status, 64);
}

}  // namespace
}  // namespace kinglet
