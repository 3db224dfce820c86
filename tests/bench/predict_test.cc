// kinglet predict against the truth: networks of all kinds, sizes and shares of zeros, each predicted
// from its nodes and then loaded and run. Only the order is asserted, and ratios of one run.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/cli/program.h"

namespace kinglet {
namespace {

using Json = nlohmann::json;

struct Network {
  const char* name;
  std::vector<std::string> flags;  // of make-network
  std::vector<std::string> prune;  // of prune; none: as it was made
};

const std::vector<Network>& Networks() {
  static const std::vector<Network> networks = {
      {"mobilenet-v1", {"--net", "mobilenet-v1"}, {}},
      {"mobilenet-v1 0.5 at 160", {"--net", "mobilenet-v1", "--width", "0.5", "--size", "160"}, {}},
      {"mobilenet-v1 0.25 at 128", {"--net", "mobilenet-v1", "--width", "0.25", "--size", "128"}, {}},
      {"mobilenet-v1, 90 % zeros", {"--net", "mobilenet-v1"}, {"--zeros", "0.9"}},
      {"mobilenet-v2", {"--net", "mobilenet-v2"}, {}},
      {"mobilenet-v2 0.35 at 96", {"--net", "mobilenet-v2", "--width", "0.35", "--size", "96"}, {}},
      {"mobilenet-v2, 80 % zeros by 4", {"--net", "mobilenet-v2"}, {"--zeros", "0.8", "--block", "4"}},
      {"mcunet", {"--net", "mcunet"}, {}},
      {"tinynet-e", {"--net", "tinynet-e"}, {}},
      {"vanillanet-5", {"--net", "vanillanet-5"}, {}},
      {"simplenet", {"--net", "simplenet"}, {}},
      {"resnet8", {"--net", "resnet8"}, {}},
      {"resnet8 at 128", {"--net", "resnet8", "--size", "128"}, {}},
      {"ds-cnn", {"--net", "ds-cnn"}, {}},
      {"cct-2", {"--net", "cct-2"}, {}},
      {"tinyvit-5m", {"--net", "tinyvit-5m"}, {}},
  };
  return networks;
}

std::string FileOf(size_t index) { return testing::TempDir() + "predict_" + std::to_string(index) + ".onnx"; }

void Make(size_t index) {
  const Network& network = Networks()[index];
  std::vector<std::string> arguments = {"make-network", FileOf(index)};
  arguments.insert(arguments.end(), network.flags.begin(), network.flags.end());
  const ProgramResult made = RunKinglet(arguments);
  ASSERT_EQ(made.status, 0) << made.err;
  if (network.prune.empty()) return;
  const std::string dense = FileOf(index) + ".dense";
  ASSERT_EQ(std::rename(FileOf(index).c_str(), dense.c_str()), 0);
  arguments = {"prune", dense, FileOf(index)};
  arguments.insert(arguments.end(), network.prune.begin(), network.prune.end());
  const ProgramResult pruned = RunKinglet(arguments);
  ASSERT_EQ(pruned.status, 0) << pruned.err;
}

TEST(PredictSpeedTest, TheOrderOfNetworksIsPredicted) {
  for (size_t i = 0; i < Networks().size(); ++i) Make(i);
  for (const char* threads : {"1", "2"}) {
    std::vector<std::string> arguments = {"predict", "--measure", "--json", "-t", threads};
    for (size_t i = 0; i < Networks().size(); ++i) arguments.push_back(FileOf(i));
    const ProgramResult result = RunKinglet(arguments);
    ASSERT_EQ(result.status, 0) << result.err;
    const Json json = Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(json.is_object() && json.contains("kendall_tau")) << result.out;
    std::printf("%s, %s thread%s\n%-32s %12s %12s %8s\n", json["cpu"].get<std::string>().c_str(), threads,
                *threads == '1' ? "" : "s", "network", "predicted ms", "measured ms", "ratio");
    std::vector<double> errors;
    for (size_t i = 0; i < Networks().size(); ++i) {
      const Json& network = json["networks"][i];
      std::printf("%-32s %12.3f %12.3f %8.2f\n", Networks()[i].name, network["predicted_ms"].get<double>(),
                  network["measured_ms"].get<double>(), network["ratio"].get<double>());
      errors.push_back(std::abs(std::log(network["ratio"].get<double>())));
    }
    std::sort(errors.begin(), errors.end());
    const double typical = std::exp(errors[errors.size() / 2]) - 1;
    std::printf("Kendall's tau %.3f; median error %.0f %%\n\n", json["kendall_tau"].get<double>(), 100 * typical);
    EXPECT_GE(json["kendall_tau"], 0.8);
  }
}

}  // namespace
}  // namespace kinglet
