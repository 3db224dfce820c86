// kinglet predict, end to end on small networks.
#include <cstdio>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/cli/program.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

std::string Temporary(const std::string& name) { return testing::TempDir() + "predict_" + name; }

std::string Make(const std::string& name, Arguments flags) {
  const std::string path = Temporary(name);
  flags.insert(flags.begin(), "make-network");
  flags.push_back(path);
  const ProgramResult made = RunKinglet(flags);
  EXPECT_EQ(made.status, 0) << made.err;
  return path;
}

std::string ResNet() {
  static const std::string path = Make("resnet8.onnx", {"--net", "resnet8"});
  return path;
}

// Flags end with the network(s).
Json Predict(Arguments arguments) {
  arguments.insert(arguments.begin(), {"predict", "--json"});
  const ProgramResult result = RunKinglet(arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  EXPECT_FALSE(json.is_discarded()) << result.out;
  return json;
}

std::string FreshTable(const std::string& name) {
  const std::string path = Temporary(name);
  std::remove(path.c_str());
  return path;
}

TEST(PredictTest, JsonHasEveryNodeAndTheirSum) {
  const Json json = Predict({"-t", "1", ResNet()});
  EXPECT_EQ(json["threads"], 1);
  EXPECT_FALSE(json.contains("kendall_tau"));
  ASSERT_EQ(json["networks"].size(), 1u);
  const Json& network = json["networks"][0];
  EXPECT_EQ(network["network"], ResNet());
  EXPECT_FALSE(network.contains("measured_ms"));
  EXPECT_GT(network["touched_bytes"], 300000) << "its weights";
  const ProgramResult plan = RunKinglet({"inspect", "--plan", ResNet()});
  double sum = network["joins"]["ms"];
  size_t convolutions = 0;
  for (const Json& node : network["nodes"]) {
    EXPECT_GT(node["ms"], 0) << node;
    sum += node["ms"].get<double>();
    convolutions += node["op"] == "conv2d" ? 1 : 0;
    // The kernels are those that the plan chooses.
    EXPECT_NE(plan.out.find(node["name"].get<std::string>() + " " + node["kernel"].get<std::string>() + " (" +
                            node["plugin"].get<std::string>() + ")"),
              std::string::npos)
        << node;
  }
  EXPECT_EQ(convolutions, 9u);
  EXPECT_NEAR(network["predicted_ms"], sum, 1e-6 * sum);
  EXPECT_LE(network["distinct_nodes"], network["nodes"].size());
  EXPECT_EQ(network["timed_nodes"], network["distinct_nodes"]);
}

TEST(PredictTest, ASecondPredictionTimesNothing) {
  const std::string table = FreshTable("second.json");
  const Json first = Predict({"-t", "2", "--table", table, ResNet()});
  const Json second = Predict({"-t", "2", "--table", table, ResNet()});
  EXPECT_GT(first["networks"][0]["timed_nodes"], 0);
  EXPECT_EQ(second["networks"][0]["timed_nodes"], 0);
  EXPECT_EQ(second["networks"][0]["joins"]["timed"], 0);
  EXPECT_EQ(first["networks"][0]["predicted_ms"], second["networks"][0]["predicted_ms"]);
  EXPECT_EQ(first["networks"][0]["nodes"], second["networks"][0]["nodes"]);
}

TEST(PredictTest, NetworksShareWhatTheyHaveInCommon) {
  // Ten classes or twelve: one layer differs.
  const std::string other = Make("classes.onnx", {"--net", "resnet8", "--classes", "12"});
  const Json json = Predict({"-t", "1", ResNet(), other});
  ASSERT_EQ(json["networks"].size(), 2u);
  EXPECT_GT(json["networks"][0]["timed_nodes"], 5);
  EXPECT_GE(json["networks"][1]["timed_nodes"], 1);
  EXPECT_LE(json["networks"][1]["timed_nodes"], 2);
}

TEST(PredictTest, ZerosAndThreadsAreTimedOnTheirOwn) {
  const std::string table = FreshTable("apart.json");
  const std::string dense = Make("dense.onnx", {"--net", "mcunet", "--size", "32"});
  const std::string pruned = Make("pruned.onnx", {"--net", "mcunet", "--size", "32", "--zeros", "0.9"});
  const Json both = Predict({"-t", "1", "--table", table, dense, pruned});
  EXPECT_GT(both["networks"][1]["timed_nodes"], 10);
  EXPECT_LT(both["networks"][1]["timed_nodes"], both["networks"][1]["distinct_nodes"]) << "the depthwise ones";
  const Json two = Predict({"-t", "2", "--table", table, dense});
  EXPECT_EQ(two["networks"][0]["timed_nodes"], two["networks"][0]["distinct_nodes"]);
  const Json one = Predict({"-t", "1", "--table", table, dense, pruned});
  EXPECT_EQ(one["networks"][0]["predicted_ms"], both["networks"][0]["predicted_ms"]);
  EXPECT_EQ(one["networks"][1]["timed_nodes"], 0);
}

TEST(PredictTest, MeasuringPutsTheTruthBeside) {
  const std::string larger = Make("larger.onnx", {"--net", "resnet8", "--size", "96"});
  const Json json = Predict({"-t", "1", "--measure", ResNet(), larger});
  for (const Json& network : json["networks"]) {
    EXPECT_GT(network["measured_ms"], 0);
    EXPECT_NEAR(network["ratio"], network["predicted_ms"].get<double>() / network["measured_ms"].get<double>(), 1e-9);
  }
  EXPECT_EQ(json["kendall_tau"], 1) << "nine times the work takes longer";
}

TEST(PredictTest, TextNamesTheCostliestNodes) {
  const std::string table = FreshTable("text.json");
  const ProgramResult result = RunKinglet({"predict", "-t", "1", "--top", "3", "--table", table, ResNet()});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find(ResNet() + ": "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find(" ms predicted, 1 thread\n"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("measured"), std::string::npos) << result.out;
  std::istringstream lines(result.out);
  double last = 100;
  int nodes = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" %") == std::string::npos) continue;
    ++nodes;
    const double share = std::stod(line);
    EXPECT_LE(share, last) << result.out;
    last = share;
  }
  EXPECT_EQ(nodes, 3) << result.out;
  const ProgramResult measured =
      RunKinglet({"predict", "-t", "1", "--measure", "--table", table, ResNet(), ResNet()});
  EXPECT_NE(measured.out.find("| predicted / measured |"), std::string::npos) << measured.out;
}

TEST(PredictTest, EightBitAndFloatNetworksOfBothFormatsArePredicted) {
  KL_REQUIRE_TESTDATA();
  for (const char* name : {"mlperf-tiny-resnet8-int8.tflite", "mlperf-tiny-resnet8.onnx"}) {
    const Json json = Predict({"-t", "1", TestDataFolder() + "/cnn/" + name});
    EXPECT_GT(json["networks"][0]["nodes"].size(), 10u);
    EXPECT_GT(json["networks"][0]["predicted_ms"], 0);
  }
}

TEST(PredictTest, WhatIsNoNetworkIsRefused) {
  const ProgramResult missing = RunKinglet({"predict", Temporary("missing.onnx")});
  EXPECT_EQ(missing.status, 66) << missing.err;
  EXPECT_NE(missing.err.find("missing.onnx"), std::string::npos) << missing.err;
  const std::string text = Temporary("text.onnx");
  std::ofstream(text) << "no network";
  const ProgramResult wrong = RunKinglet({"predict", text});
  EXPECT_NE(wrong.status, 0);
  EXPECT_NE(wrong.err.find(text), std::string::npos) << wrong.err;
  EXPECT_EQ(RunKinglet({"predict"}).status, 64);
}

TEST(PredictTest, ATableThatIsNoneIsRefusedAndKept) {
  const std::string table = FreshTable("none.json");
  std::ofstream(table) << "{}";
  const ProgramResult result = RunKinglet({"predict", "--table", table, ResNet()});
  EXPECT_EQ(result.status, 65) << result.err;
  EXPECT_NE(result.err.find(table), std::string::npos) << result.err;
  std::ifstream file(table);
  std::string content;
  std::getline(file, content);
  EXPECT_EQ(content, "{}");
}

TEST(PredictTest, WhatWasTimedBeforeAnErrorIsInTheTable) {
  const std::string table = FreshTable("before_error.json");
  const ProgramResult result = RunKinglet({"predict", "-t", "1", "--table", table, ResNet(), Temporary("missing.onnx")});
  EXPECT_EQ(result.status, 66) << result.err;
  EXPECT_EQ(Predict({"-t", "1", "--table", table, ResNet()})["networks"][0]["timed_nodes"], 0);
}

}  // namespace
}  // namespace kinglet
