#include "tools/common/routing_file.h"

#include <cstdio>
#include <fstream>

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

class RoutingFileTest : public testing::Test {
 protected:
  void Write(const std::string& content) { std::ofstream(path_, std::ios::binary) << content; }
  std::string Content() {
    std::ifstream file(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  void ExpectBad(const std::string& content, const std::string& text) {
    Write(content);
    Routing routing;
    const Failure failure = ReadRouting(path_, &routing);
    EXPECT_EQ(failure.exit_status, kExitBadData) << content;
    EXPECT_NE(failure.message.find(text), std::string::npos) << failure.message;
  }

  const std::string path_ = testing::TempDir() + "routing_file_test";
  const RoutingHeader header_ = {"tiny", "abcd", 2, 8, 3};
  const uint16_t first_[6] = {7, 0, 1, 2, 3, kNoExpert};
  const uint16_t second_[6] = {1, 2, 3, 4, 5, 6};
};

TEST_F(RoutingFileTest, WhatIsWrittenIsRead) {
  RoutingWriter writer;
  ASSERT_TRUE(writer.Open(path_).ok());
  ASSERT_TRUE(writer.Begin(header_).ok());
  ASSERT_TRUE(writer.Add(kRoutingPrompt | kRoutingFirst, first_).ok());
  ASSERT_TRUE(writer.Add(0, second_).ok());
  ASSERT_TRUE(writer.Close().ok());
  Routing routing;
  const Failure failure = ReadRouting(path_, &routing);
  ASSERT_TRUE(failure.ok()) << failure.message;
  EXPECT_EQ(routing.header.model, "tiny");
  EXPECT_EQ(routing.header.fingerprint, "abcd");
  EXPECT_EQ(routing.header.layers, 2u);
  EXPECT_EQ(routing.header.experts, 8u);
  EXPECT_EQ(routing.header.top_k, 3u);
  EXPECT_EQ(routing.flags, (std::vector<uint16_t>{3, 0}));
  std::vector<uint16_t> expected(first_, first_ + 6);
  expected.insert(expected.end(), second_, second_ + 6);
  EXPECT_EQ(routing.experts, expected);
}

TEST_F(RoutingFileTest, ARecordingThatWasCutOffIsReadUpToItsLastWholeRow) {
  RoutingWriter writer;
  ASSERT_TRUE(writer.Open(path_).ok());
  ASSERT_TRUE(writer.Begin(header_).ok());
  ASSERT_TRUE(writer.Add(0, first_).ok());
  ASSERT_TRUE(writer.Add(0, second_).ok());
  ASSERT_TRUE(writer.Close().ok());
  const std::string whole = Content();
  Write(whole.substr(0, whole.size() - 1));
  Routing routing;
  ASSERT_TRUE(ReadRouting(path_, &routing).ok());
  EXPECT_EQ(routing.token_count(), 1u);
}

TEST_F(RoutingFileTest, WhatIsNotClosedLeavesTheOldFile) {
  Write("old");
  {
    RoutingWriter writer;
    ASSERT_TRUE(writer.Open(path_).ok());
    ASSERT_TRUE(writer.Begin(header_).ok());
    for (int i = 0; i < 10000; ++i) ASSERT_TRUE(writer.Add(0, first_).ok());
  }
  EXPECT_EQ(Content(), "old");
}

TEST_F(RoutingFileTest, OtherFilesAreRefused) {
  ExpectBad("", "line of JSON");
  ExpectBad("GGUF\n", "kinglet_routing");
  ExpectBad("{\"a\": 1}\n", "kinglet_routing");
  ExpectBad("{\"kinglet_routing\": 9}\n", "version 9");
  ExpectBad("{\"kinglet_routing\": 1, \"layers\": 2}\n", "experts");
  ExpectBad("{\"kinglet_routing\": 1, \"layers\": -2, \"experts\": 8, \"top_k\": 3}\n", "layers");
  ExpectBad("{\"kinglet_routing\": 1, \"layers\": 2, \"experts\": 8, \"top_k\": 9}\n",
            "top_k is 9");
  std::string row = "{\"kinglet_routing\": 1, \"layers\": 1, \"experts\": 8, \"top_k\": 1}\n";
  row.append({0, 0, 8, 0});
  ExpectBad(row, "token 0, layer 0: expert 8");
}

TEST_F(RoutingFileTest, AMissingFileAndAFullDiskAreErrors) {
  Routing routing;
  EXPECT_EQ(ReadRouting(path_ + ".none", &routing).exit_status, kExitNoInput);
  EXPECT_EQ(RoutingWriter().Open("/no/such/folder/x").exit_status, kExitIo);
  RoutingWriter writer;
  ASSERT_TRUE(writer.Open("/dev/full").ok());
  ASSERT_TRUE(writer.Begin(header_).ok());
  ASSERT_TRUE(writer.Add(0, first_).ok());
  EXPECT_EQ(writer.Close().exit_status, kExitIo);
}

}  // namespace
}  // namespace kinglet::tools
