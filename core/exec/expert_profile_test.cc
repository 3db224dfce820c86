#include "core/exec/expert_profile.h"

#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

class ExpertProfileTest : public testing::Test {
 protected:
  void Write(const std::string& content) { std::ofstream(path_, std::ios::binary) << content; }
  void ExpectBad(const std::string& content, absl::StatusCode code, const std::string& text) {
    Write(content);
    const auto read = ReadExpertProfile(path_);
    EXPECT_EQ(read.status().code(), code) << content;
    EXPECT_NE(read.status().message().find(text), absl::string_view::npos) << read.status();
    EXPECT_NE(read.status().message().find(path_), absl::string_view::npos) << read.status();
  }

  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/profile";
  const std::string head_ =
      "kinglet-expert-profile 1\nmodel m\nfingerprint 00000000000000ff\nlayers 2\nexperts 4\ntokens 10\n";
};

TEST_F(ExpertProfileTest, WhatIsWrittenIsReadTheMostUsedFirst) {
  ExpertProfile profile = {"a model\nof two lines", 0xabc, 3, 8, 100, {{0, 1, 5}, {2, 7, 100}, {1, 0, 5}, {0, 2, 0}}};
  ASSERT_TRUE(WriteExpertProfile(profile, path_).ok());
  const auto read = ReadExpertProfile(path_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->model, "a model of two lines");
  EXPECT_EQ(read->fingerprint, 0xabcu);
  EXPECT_EQ(read->layer_count, 3u);
  EXPECT_EQ(read->expert_count, 8u);
  EXPECT_EQ(read->token_count, 100u);
  ASSERT_EQ(read->uses.size(), 3u);  // what was not used is left out
  EXPECT_EQ(read->uses[0].layer, 2u);
  EXPECT_EQ(read->uses[0].token_count, 100u);
  EXPECT_EQ(read->uses[1].layer, 0u);
  EXPECT_EQ(read->uses[2].layer, 1u);
}

TEST_F(ExpertProfileTest, NumbersThatContradictEachOtherAreNotWritten) {
  for (const ExpertProfile::Use& use : {ExpertProfile::Use{3, 0, 1}, {0, 8, 1}, {0, 0, 101}}) {
    const ExpertProfile profile = {"m", 1, 3, 8, 100, {use}};
    EXPECT_EQ(WriteExpertProfile(profile, path_).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(ReadExpertProfile(path_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ExpertProfileTest, OtherAndDamagedFilesAreRefusedWithTheLine) {
  constexpr auto kCorrupt = absl::StatusCode::kDataLoss;
  ExpectBad("", kCorrupt, "another kind");
  ExpectBad("GGUF and more than that many bytes", kCorrupt, "another kind");
  ExpectBad("kinglet-expert-profile", kCorrupt, "line 1");
  ExpectBad("kinglet-expert-profile 2\n", absl::StatusCode::kUnimplemented, "version 2");
  ExpectBad("kinglet-expert-profile 1\nmodel m\nfingerprint xyz\n", kCorrupt, "line 3");
  ExpectBad("kinglet-expert-profile 1\nmodel m\nfingerprint 1\nlayers 0\n", kCorrupt, "line 4");
  ExpectBad("kinglet-expert-profile 1\nmodel m\nfingerprint 1\nlayers 70000\n", kCorrupt, "65536");
  ExpectBad(head_ + "use 0 1 3\nuse 0 1\n", kCorrupt, "line 8");
  ExpectBad(head_ + "use 2 0 1\n", kCorrupt, "line 7");
  ExpectBad(head_ + "use 0 4 1\n", kCorrupt, "line 7");
  ExpectBad(head_ + "use 0 -1 1\n", kCorrupt, "line 7");
  ExpectBad(head_ + "use 0 0 11\n", kCorrupt, "line 7");
  Write(head_ + "use 0 1 3");  // a last line without its end is well
  EXPECT_TRUE(ReadExpertProfile(path_).ok());
}

TEST_F(ExpertProfileTest, ADirectoryIsNoProfile) {
  EXPECT_FALSE(ReadExpertProfile(folder_.path()).ok());
}

TEST(MostPinnedTest, HalfOfTheCacheAndTwoLayersStay) {
  EXPECT_EQ(MostPinned(400, 32), 200u);
  EXPECT_EQ(MostPinned(401, 32), 200u);
  EXPECT_EQ(MostPinned(100, 32), 36u);
  EXPECT_EQ(MostPinned(64, 32), 0u);
  EXPECT_EQ(MostPinned(0, 32), 0u);
}

}  // namespace
}  // namespace kinglet
