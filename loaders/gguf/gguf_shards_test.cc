#include "loaders/gguf/gguf_shards.h"

#include <string>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loaders/gguf/gguf_test_builder.h"
#include "loaders/registry.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

std::string Name(int number, int count) { return absl::StrFormat("m-%05d-of-%05d.gguf", number, count); }

GgufBuilder Shard(uint16_t number, uint16_t count, int32_t tensors) {
  GgufBuilder builder;
  builder.U16("split.no", number).U16("split.count", count).I32("split.tensors.count", tensors);
  if (number == 0) builder.Text("general.architecture", "llama");
  return builder.Tensor(absl::StrFormat("t%d", number), {4}, KL_TYPE_F32);
}

absl::StatusOr<std::unique_ptr<ModelSource>> Load(const std::string& path) { return LoadSource(path, AllLoaders()); }

TEST(GgufShardsTest, TensorsOfAllShardsAreFound) {
  TempFolder folder;
  const std::string first = folder.Write(Name(1, 3), Shard(0, 3, 3).Bytes());
  folder.Write(Name(2, 3), Shard(1, 3, 3).Bytes());
  folder.Write(Name(3, 3), Shard(2, 3, 3).Bytes());
  const auto source = Load(first);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->tensors.size(), 3u);
  EXPECT_EQ((*source)->files.size(), 3u);
  ASSERT_NE((*source)->Find("t2"), nullptr);
  EXPECT_EQ((*source)->Find("t2")->file, (*source)->files[2].get());
  EXPECT_EQ((*source)->file_bytes,
            (*source)->files[0]->size() + (*source)->files[1]->size() + (*source)->files[2]->size());
}

TEST(GgufShardsTest, MissingShardIsNamed) {
  TempFolder folder;
  const std::string first = folder.Write(Name(1, 2), Shard(0, 2, 2).Bytes());
  const auto source = Load(first);
  EXPECT_EQ(source.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(source.status().message()), HasSubstr(Name(2, 2)));
}

TEST(GgufShardsTest, LaterShardSaysWhichIsTheFirst) {
  TempFolder folder;
  const std::string second = folder.Write(Name(2, 2), Shard(1, 2, 2).Bytes());
  EXPECT_THAT(std::string(Load(second).status().message()), HasSubstr(Name(1, 2)));
}

TEST(GgufShardsTest, ShardOutOfOrderIsRefused) {
  TempFolder folder;
  const std::string first = folder.Write(Name(1, 3), Shard(0, 3, 3).Bytes());
  folder.Write(Name(2, 3), Shard(2, 3, 3).Bytes());
  folder.Write(Name(3, 3), Shard(1, 3, 3).Bytes());
  EXPECT_THAT(std::string(Load(first).status().message()), HasSubstr("expected 1, from the file's name, found 2"));
}

TEST(GgufShardsTest, ShardOfAnotherModelIsRefused) {
  TempFolder folder;
  const std::string first = folder.Write(Name(1, 2), Shard(0, 2, 2).Bytes());
  folder.Write(Name(2, 2), Shard(1, 2, 9).Bytes());
  EXPECT_THAT(std::string(Load(first).status().message()), HasSubstr("another model"));
  folder.Write(Name(2, 2), Shard(1, 5, 2).Bytes());
  EXPECT_THAT(std::string(Load(first).status().message()), HasSubstr("expected 2, as in the first shard, found 5"));
  folder.Write(Name(2, 2), Shard(1, 2, 2).Text("general.architecture", "qwen2").Bytes());
  EXPECT_THAT(std::string(Load(first).status().message()), HasSubstr("another model"));
}

TEST(GgufShardsTest, TensorsThatDoNotAddUpAreRefused) {
  TempFolder folder;
  const std::string first = folder.Write(Name(1, 2), Shard(0, 2, 3).Bytes());
  folder.Write(Name(2, 2), Shard(1, 2, 3).Bytes());
  EXPECT_THAT(std::string(Load(first).status().message()), HasSubstr("3 tensors in 2 shards, found 2"));
}

TEST(GgufShardsTest, TensorInTwoShardsIsRefused) {
  TempFolder folder;
  const std::string first = folder.Write(Name(1, 2), Shard(0, 2, 3).Bytes());
  folder.Write(Name(2, 2), Shard(1, 2, 3).Tensor("t0", {4}, KL_TYPE_F32).Bytes());
  EXPECT_THAT(std::string(Load(first).status().message()), HasSubstr("earlier shard"));
}

TEST(GgufShardsTest, OnlyShardOfOneNeedsNoPattern) {
  TempFolder folder;
  EXPECT_TRUE(Load(folder.Write("model.gguf", Shard(0, 1, 1).Bytes())).ok());
  EXPECT_TRUE(Load(folder.Write("model.gguf", Shard(0, 0, 1).Bytes())).ok());
}

TEST(GgufShardsTest, NameWithoutThePatternIsRefused) {
  for (const char* path : {"model.gguf", "m-00001-of-00003.gguf", "m-0001-of-00002.gguf", "-00001-of-00002.gguf",
                           "m-x0001-of-00002.gguf", "m-00001-of-00002.bin", ""}) {
    EXPECT_FALSE(GgufShardPath(path, 0, 2).ok()) << path;
  }
  EXPECT_EQ(*GgufShardPath("a/m-00002-of-00002.gguf", 0, 2), "a/m-00001-of-00002.gguf");
}

TEST(GgufShardsTest, ImpossibleCountsAreRefused) {
  TempFolder folder;
  const std::string path = folder.Write(
      Name(1, 2), GgufBuilder().Text("general.architecture", "llama").I32("split.count", -3).I32("split.no", 0).Bytes());
  EXPECT_THAT(std::string(Load(path).status().message()), HasSubstr("split.count"));
}

}  // namespace
}  // namespace kinglet
