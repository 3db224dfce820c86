#include "core/exec/expert_file.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/base/status.h"
#include "core/exec/fake_experts.h"
#include "core/exec/prepared_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

constexpr uint64_t kFingerprint = 0x1234;
constexpr uint64_t kRecords = kFakeLayers * kFakeExperts;

class ExpertFileTest : public testing::Test {
 protected:
  ExpertFileTest()
      : kernels_(true),
        registry_(kernels_.MakeRegistry()),
        path_(model_.folder.path() + "/experts") {
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, {8, 1, 16}, 1)).value();
  }
  const ExpertLayout& layout() const { return prepared_->experts(); }
  void Write() {
    const auto bytes = WriteExpertFile(layout(), path_, kFingerprint, nullptr);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(*bytes, std::filesystem::file_size(path_));
  }
  void Overwrite(int64_t offset, const std::string& bytes) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offset);
    file << bytes;
  }
  void ExpectRefused(kl_code code, const std::string& text) {
    const absl::Status status = ReadExpertFile(layout(), path_, kFingerprint).status();
    EXPECT_EQ(CodeFromStatus(status), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
    if (code == KL_NOT_FOUND) return;
    EXPECT_THAT(std::string(status.message()), HasSubstr("run `kinglet prepare`"));
  }

  FakeExpertModel model_;
  FakeExpertKernels kernels_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PreparedPlan> prepared_;
  const std::string path_;
};

TEST_F(ExpertFileTest, IsReadAsItWasWritten) {
  Write();
  const auto index = ReadExpertFile(layout(), path_, kFingerprint);
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->offsets.size(), kRecords);
  ASSERT_EQ(index->checksums.size(), kRecords);
  for (uint64_t r = 0; r < kRecords; ++r) EXPECT_EQ(index->offsets[r], 4096 * (r + 1));
  EXPECT_EQ(std::filesystem::file_size(path_), 4096 * (kRecords + 1) + kRecords * 16 + 8);
}

TEST_F(ExpertFileTest, EqualModelsGiveEqualFiles) {
  Write();
  std::ifstream first(path_, std::ios::binary);
  const std::string before((std::istreambuf_iterator<char>(first)), {});
  Write();
  std::ifstream second(path_, std::ios::binary);
  EXPECT_EQ(before, std::string((std::istreambuf_iterator<char>(second)), {}));
}

TEST_F(ExpertFileTest, SaysWhatIsWrongWithAFile) {
  ExpectRefused(KL_NOT_FOUND, "cannot open");
  std::ofstream(path_) << "short";
  ExpectRefused(KL_DATA_CORRUPT, "found 5 bytes");
  Write();
  Overwrite(0, "GGUF");
  ExpectRefused(KL_DATA_CORRUPT,
                "expected prepared experts (KLEXPERT at offset 0), found another kind of file");
  Write();
  Overwrite(8, std::string("\x09\0\0\0", 4));
  ExpectRefused(KL_UNSUPPORTED, "of version 9, this build reads 1");
  Write();
  Overwrite(16, "x");
  ExpectRefused(KL_DATA_CORRUPT, "the header's checksum is wrong");
  Write();
  Overwrite(static_cast<int64_t>(4096 * (kRecords + 1) + 5), "x");
  ExpectRefused(KL_DATA_CORRUPT, "the checksum of the index at offset 77824 is wrong");
  Write();
  std::filesystem::resize_file(path_, 50000);
  ExpectRefused(KL_DATA_CORRUPT, "expected 78120 bytes, found 50000");
  std::filesystem::resize_file(path_, 100000);
  ExpectRefused(KL_DATA_CORRUPT, "expected 78120 bytes, found 100000");
}

TEST_F(ExpertFileTest, RefusesTheExpertsOfAnotherModelOrOtherKernels) {
  ASSERT_TRUE(WriteExpertFile(layout(), path_, kFingerprint + 1, nullptr).ok());
  ExpectRefused(KL_FAILED_PRECONDITION, "these are the experts of another model");
  kernels_.kernels[1].pack_query = nullptr;
  const auto unpacked =
      std::move(PreparedPlan::Create(model_.plan, *registry_, {8, 1, 16}, 1)).value();
  ASSERT_TRUE(WriteExpertFile(unpacked->experts(), path_, kFingerprint, nullptr).ok());
  kernels_.kernels[1].pack_query = fake::PackExpertsQuery;
  ExpectRefused(KL_FAILED_PRECONDITION, "packed for other kernels");
}

TEST_F(ExpertFileTest, StoppingLeavesNothingBehindAndTheOldFileInPlace) {
  Write();
  const auto old_time = std::filesystem::last_write_time(path_);
  uint64_t asked = 0;
  const auto stopped = WriteExpertFile(layout(), path_, kFingerprint,
                                       [&](const char* stage, uint64_t done, uint64_t total) {
                                         EXPECT_STREQ(stage, "prepare");
                                         EXPECT_EQ(total, kRecords);
                                         EXPECT_EQ(done, asked);
                                         return ++asked < 5;
                                       });
  EXPECT_EQ(CodeFromStatus(stopped.status()), KL_CANCELLED);
  EXPECT_EQ(std::filesystem::last_write_time(path_), old_time);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(model_.folder.path()))
    files += entry.is_regular_file();
  EXPECT_EQ(files, 2u) << "the model and its experts";
}

TEST_F(ExpertFileTest, AFolderThatCannotBeWrittenIsAnError) {
  EXPECT_FALSE(
      WriteExpertFile(layout(), model_.folder.path() + "/no/such/folder", kFingerprint, nullptr)
          .ok());
  EXPECT_EQ(ExpertFileBeside("a/model.gguf"), "a/model.gguf.experts");
  EXPECT_EQ(ExpertFileBeside("a/model//"), "a/model.experts");
}

}  // namespace
}  // namespace kinglet
