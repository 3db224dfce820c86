// kinglet plan of a network, end to end.
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/cli/program.h"

namespace kinglet {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

// A network's limit is one of its arena; on the reference kernels, which take no scratch.
class NetworkPlanTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(RunKinglet({"make-network", "--net", "mobilenet-v2", "--int8", Network()}).status, 0);
  }
  static std::string Network() { return testing::TempDir() + "cli_plan.onnx"; }
  static ProgramResult Plan(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"plan", Network()};
    for (const char* plugin : {"xnnpack", "onednn", "sparse_x86", "sparse_arm"}) {
      arguments.insert(arguments.end(), {"--disable-plugin", plugin});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunKinglet(arguments);
  }
};

TEST_F(NetworkPlanTest, SaysTileSizesPeakAndExtraMultiplyAdds) {
  const ProgramResult plan = Plan({"--memory", "256KiB"});
  EXPECT_EQ(plan.status, 0) << plan.err;
  for (const char* part : {"75, 37, 35, 35, 35, 17, 17, 17, 15, 15, 15, 7, 7", "1372.0 KiB",
                           "171.5 KiB", "4 x 4", "(+42 %)"}) {
    EXPECT_THAT(plan.out, HasSubstr(part));
  }
}

TEST_F(NetworkPlanTest, JsonAndPictureHaveEveryBlockOfTheArena) {
  const std::string picture = testing::TempDir() + "cli_plan_arena.svg";
  const ProgramResult run = Plan({"--memory", "256KiB", "--json", "--svg", picture});
  const Json plan = Json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  ASSERT_FALSE(plan.is_discarded()) << run.err;
  EXPECT_EQ(plan["patches"]["rows"], 4);
  EXPECT_EQ(plan["layer_peak_bytes"], 1372 * 1024);
  const uint64_t arena = plan["arena_bytes"];
  EXPECT_LE(arena, 256u * 1024);
  std::ifstream file(picture);
  const std::string svg((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(svg, HasSubstr("</svg>"));
  for (const Json& block : plan["blocks"]) {
    EXPECT_LE(block["offset"].get<uint64_t>() + block["bytes"].get<uint64_t>(), arena);
    EXPECT_THAT(svg, HasSubstr("<title>" + block["name"].get<std::string>()));
  }
}

TEST_F(NetworkPlanTest, TooLittleNamesTheSmallestLimit) {
  const ProgramResult plan = Plan({"--memory", "64KiB"});
  EXPECT_NE(plan.status, 0);
  EXPECT_THAT(plan.err, HasSubstr("the smallest that works is"));
}

TEST_F(NetworkPlanTest, OptionsOfLanguageModelsAreRefused) {
  EXPECT_EQ(Plan({"--sweep"}).status, 64);
  EXPECT_EQ(Plan({"-p", "16"}).status, 64);
}

}  // namespace
}  // namespace kinglet
