// kinglet make-network: what it writes, and that every network of it runs alike on every library.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/cli/program.h"

namespace kinglet {
namespace {

using Arguments = std::vector<std::string>;

std::string Temporary(const std::string& name) { return testing::TempDir() + name; }

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

ProgramResult Make(Arguments arguments, const std::string& path) {
  arguments.insert(arguments.begin(), "make-network");
  arguments.push_back(path);
  return RunKinglet(arguments);
}

// The summary has the parameters and multiply-adds that the papers give.
TEST(MakeNetworkTest, SizesAreThePublishedOnes) {
  const struct {
    const char* name;
    const char* weights;
    const char* operations;
  } kPublished[] = {
      {"mobilenet-v1", "4.22 M weights", "568.74 M multiply-adds"},
      {"mobilenet-v2", "3.49 M weights", "300.77 M multiply-adds"},
      {"tinynet-e", "2.04 M weights", "24.36 M multiply-adds"},
      {"cct-2", "284.68 K weights", "35.34 M multiply-adds"},
      {"tinyvit-5m", "5.39 M weights", "1.26 B multiply-adds"},
      {"simplenet", "5.49 M weights", "631.51 M multiply-adds"},
      {"resnet8", "77.71 K weights", "12.50 M multiply-adds"},
      {"ds-cnn", "22.60 K weights", "2.66 M multiply-adds"},
  };
  for (const auto& network : kPublished) {
    const ProgramResult made = Make({"--net", network.name}, Temporary("published.onnx"));
    EXPECT_EQ(made.status, 0) << made.err;
    EXPECT_NE(made.err.find(network.weights), std::string::npos) << made.err;
    EXPECT_NE(made.err.find(network.operations), std::string::npos) << made.err;
  }
}

TEST(MakeNetworkTest, TheSameFlagsGiveTheSameBytes) {
  const Arguments flags = {"--net", "mcunet", "--zeros", "0.8", "--block", "4", "--size", "64"};
  ASSERT_EQ(Make(flags, Temporary("a.onnx")).status, 0);
  ASSERT_EQ(Make(flags, Temporary("b.onnx")).status, 0);
  Arguments other = flags;
  other.insert(other.end(), {"--seed", "2"});
  ASSERT_EQ(Make(other, Temporary("c.onnx")).status, 0);
  EXPECT_EQ(Content(Temporary("a.onnx")), Content(Temporary("b.onnx")));
  EXPECT_NE(Content(Temporary("a.onnx")), Content(Temporary("c.onnx")));
}

TEST(MakeNetworkTest, WhatANetworkCannotBeIsRefused) {
  const std::string path = Temporary("refused.onnx");
  for (const Arguments& flags :
       {Arguments{"--net", "tinyvit-5m", "--size", "192"},
        Arguments{"--net", "cct-2", "--width", "2"},
        Arguments{"--net", "vanillanet-5", "--size", "100"}, Arguments{"--net", "lenet"},
        Arguments{"--zeros", "1.5"}, Arguments{"--size", "8"}}) {
    EXPECT_EQ(Make(flags, path).status, 64);
  }
}

}  // namespace
}  // namespace kinglet
