#include "core/exec/packed_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

constexpr char kContents[] = "file 12 bytes\nweight 0 2500000 q4_0_k8 blk.0.attn_q\n";

class PackedCacheTest : public testing::Test {
 protected:
  PackedCacheTest() {
    for (size_t i = 0; i < payload_.size(); ++i) payload_[i] = static_cast<uint8_t>(i * 7 + i / 251);
  }
  static void Serially(int64_t count, kl_parallel_body body, void* context) { body(context, 0, count); }

  absl::Status Write() {
    return PackedCache::Write(path_, kContents, payload_.data(), payload_.size(), Serially, nullptr);
  }
  absl::StatusOr<std::unique_ptr<PackedCache>> Open(const std::string& contents = kContents) {
    return PackedCache::Open(path_, contents, payload_.size(), Serially);
  }
  void Overwrite(uint64_t offset, const std::string& bytes) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << bytes;
  }

  TempFolder folder_;
  const std::string path_ = folder_.path() + "/model.gguf.kinglet-packed";
  std::vector<uint8_t> payload_ = std::vector<uint8_t>(2500000);  // three checksums, the last of a part
};

TEST_F(PackedCacheTest, GivesBackWhatWasWritten) {
  ASSERT_TRUE(Write().ok());
  const auto cache = Open();
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*cache)->data()) % 64, 0u);
  EXPECT_TRUE(std::equal(payload_.begin(), payload_.end(), (*cache)->data()));
  EXPECT_TRUE((*cache)->CheckIntact().ok());
}

TEST_F(PackedCacheTest, NoFileIsNotFound) { EXPECT_EQ(Open().status().code(), absl::StatusCode::kNotFound); }

TEST_F(PackedCacheTest, OtherContentsAreRefusedWithTheFirstLineThatDiffers) {
  ASSERT_TRUE(Write().ok());
  const absl::Status status = Open("file 13 bytes\nweight 0 2500000 q4_0_k8 blk.0.attn_q\n").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("expected \"file 13 bytes\", found \"file 12 bytes\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

TEST_F(PackedCacheTest, AnyDamagedByteIsNoticed) {
  ASSERT_TRUE(Write().ok());
  const uint64_t bytes = std::filesystem::file_size(path_);
  std::vector<uint64_t> places = {0, 8, 16, 24, 32, 40, 48, 64, 70, 64 + sizeof kContents + 3, bytes - 1};
  for (uint64_t at = 4096; at < bytes; at += 99991) places.push_back(at);
  for (const uint64_t at : places) {
    std::ifstream file(path_, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get());
    Overwrite(at, std::string(1, static_cast<char>(byte ^ 0x10)));
    const absl::Status status = Open().status();
    EXPECT_FALSE(status.ok()) << "byte " << at;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_)) << at;
    Overwrite(at, std::string(1, byte));
  }
  EXPECT_TRUE(Open().ok()) << "undamaged again";
}

TEST_F(PackedCacheTest, EveryLengthThatIsNotTheWholeIsRefused) {
  ASSERT_TRUE(Write().ok());
  const uint64_t bytes = std::filesystem::file_size(path_);
  for (const uint64_t length : {uint64_t{0}, uint64_t{63}, uint64_t{64}, uint64_t{4096}, bytes - 1, bytes + 1}) {
    std::filesystem::resize_file(path_, length);
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << length;
  }
}

TEST_F(PackedCacheTest, SizesThatOverflowAreNotBelieved) {
  ASSERT_TRUE(Write().ok());
  for (const uint64_t field : {16, 24, 32}) {
    ASSERT_TRUE(Write().ok());
    Overwrite(field, std::string(8, '\xff'));
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << field;
  }
}

TEST_F(PackedCacheTest, AFileThatIsCutShortWhileInUseIsNoticed) {
  ASSERT_TRUE(Write().ok());
  const auto cache = Open();
  ASSERT_TRUE(cache.ok());
  std::filesystem::resize_file(path_, 8192);
  uint64_t sum = 0;
  for (size_t i = 0; i < payload_.size(); i += 512) sum += (*cache)->data()[i];
  EXPECT_EQ(CodeFromStatus((*cache)->CheckIntact()), KL_DATA_CORRUPT) << sum;
}

TEST_F(PackedCacheTest, StoppingLeavesNothingBehind) {
  const absl::Status status =
      PackedCache::Write(path_, kContents, payload_.data(), payload_.size(), Serially,
                         [](const char*, uint64_t, uint64_t) { return false; });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(PackedCacheTest, FolderThatIsNotThereIsAnError) {
  EXPECT_FALSE(
      PackedCache::Write("/nowhere/at/all", kContents, payload_.data(), payload_.size(), Serially, nullptr).ok());
}

}  // namespace
}  // namespace kinglet
