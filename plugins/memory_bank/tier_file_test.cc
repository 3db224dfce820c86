#include "plugins/memory_bank/tier_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "gtest/gtest.h"

namespace memory_bank {
namespace {

class TierFileTest : public testing::Test {
 protected:
  void SetUp() override { unlink(path_.c_str()); }
  void TearDown() override { unlink(path_.c_str()); }

  std::unique_ptr<TierFile> Open(uint32_t most_count = 4) {
    std::unique_ptr<TierFile> file;
    EXPECT_EQ(TierFile::Open(path_, content_, most_count, &file, &error_), KL_OK) << error_.message;
    return file;
  }
  // Copies `block`, whose bytes are `fill`.
  void Copy(TierFile* file, uint32_t block, char fill) {
    const uint32_t place = file->Reserve();
    ASSERT_NE(place, TierFile::kNowhere);
    ASSERT_EQ(file->ClearEntries(file->TakeForgotten()), 0);
    const std::string bytes(5000, fill);
    ASSERT_EQ(file->Write(place, 0, bytes.data(), bytes.size()), 0);
    ASSERT_EQ(file->Name(place, block), 0);
    file->Publish(place, block);
  }
  char At(uint64_t offset) {
    const int file = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    EXPECT_EQ(pread(file, &byte, 1, static_cast<off_t>(offset)), 1);
    close(file);
    return byte;
  }
  uint64_t FileBytes() {
    struct stat status = {};
    EXPECT_EQ(stat(path_.c_str(), &status), 0);
    return static_cast<uint64_t>(status.st_size);
  }
  void Put(uint64_t offset, const std::string& bytes) {
    const int file = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
    close(file);
  }

  const std::string path_ =
      testing::TempDir() + "/tier_file_" + std::to_string(getpid()) + ".klcache";
  TierFileContent content_ = {42, 100, 8192};
  kl_error error_ = {sizeof error_, KL_OK, {}};
};

TEST_F(TierFileTest, CopiesAreThereAfterARestart) {
  {
    auto file = Open();
    EXPECT_EQ(FileBytes(), TierFile::EmptyBytes(100));
    Copy(file.get(), 7, 'a');
    Copy(file.get(), 99, 'b');
    EXPECT_EQ(file->Find(0), 0u);
  }
  auto file = Open();
  EXPECT_EQ(file->copy_count(), 2u);
  EXPECT_EQ(At(file->Find(7)), 'a');
  EXPECT_EQ(At(file->Find(99) + 4999), 'b');
  EXPECT_EQ(file->Find(8), 0u);
  // Whole blocks, also for the last one.
  EXPECT_EQ(FileBytes(), TierFile::EmptyBytes(100) + 2 * 8192);
}

TEST_F(TierFileTest, NoMoreCopiesThanThereArePlaces) {
  auto file = Open(2);
  Copy(file.get(), 1, 'a');
  Copy(file.get(), 2, 'b');
  EXPECT_EQ(file->Reserve(), TierFile::kNowhere);
  file->Forget(1);
  file->Forget(1);
  EXPECT_EQ(file->Find(1), 0u);
  Copy(file.get(), 3, 'c');
  EXPECT_EQ(file->Reserve(), TierFile::kNowhere);
  EXPECT_EQ(FileBytes(), TierFile::EmptyBytes(100) + 2 * 8192);
  file.reset();
  file = Open(2);
  EXPECT_EQ(file->Find(1), 0u);
  EXPECT_EQ(At(file->Find(3)), 'c');
  // A smaller budget: what lies beyond goes, and the file is cut.
  file.reset();
  file = Open(1);
  EXPECT_EQ(file->copy_count(), 1u);
  EXPECT_EQ(FileBytes(), TierFile::EmptyBytes(100) + 8192);
}

TEST_F(TierFileTest, FilesOfOtherBlocksAndDamagedOnesAreBegunAnew) {
  const auto expect_empty = [this](const char* what) {
    auto file = Open();
    EXPECT_EQ(file->copy_count(), 0u) << what;
    EXPECT_EQ(FileBytes(), TierFile::EmptyBytes(content_.block_count)) << what;
    Copy(file.get(), 7, 'a');
  };
  Copy(Open().get(), 7, 'a');
  content_.fingerprint = 43;
  expect_empty("fingerprint");
  content_.stride_bytes = 12288;
  expect_empty("stride");
  content_.block_count = 2000;
  expect_empty("count");
  for (uint64_t offset = 0; offset < 40; ++offset) {
    Put(offset, std::string(1, static_cast<char>(At(offset) ^ 1)));
    expect_empty("header");
  }
  ASSERT_EQ(truncate(path_.c_str(), 4096), 0);
  expect_empty("table cut off");
  ASSERT_EQ(truncate(path_.c_str(), 17), 0);
  expect_empty("header cut off");
  EXPECT_EQ(Open()->copy_count(), 1u);
}

TEST_F(TierFileTest, EntriesThatCannotBeTrueAreForgotten) {
  {
    auto file = Open();
    Copy(file.get(), 7, 'a');
    Copy(file.get(), 8, 'b');
  }
  const uint32_t beyond = 5, first = 1, behind_the_end = 4;
  Put(4096 + 4 * 20, std::string(reinterpret_cast<const char*>(&beyond), 4));
  Put(4096 + 4 * 21, std::string(reinterpret_cast<const char*>(&first), 4));  // as block 7 has
  Put(4096 + 4 * 22, std::string(reinterpret_cast<const char*>(&behind_the_end), 4));
  Put(4096 + 4 * 23, std::string(4, '\xFF'));
  auto file = Open();
  EXPECT_EQ(file->copy_count(), 2u);
  for (const uint32_t block : {20, 21, 22, 23}) EXPECT_EQ(file->Find(block), 0u);
  EXPECT_EQ(At(file->Find(7)), 'a');
  EXPECT_EQ(file->TakeForgotten().size(), 4u);
}

TEST_F(TierFileTest, OneFillsAndOthersReadWhatWasThere) {
  auto first = Open();
  Copy(first.get(), 7, 'a');
  auto second = Open();
  EXPECT_TRUE(first->writable());
  EXPECT_FALSE(second->writable());
  EXPECT_EQ(At(second->Find(7)), 'a');
  EXPECT_EQ(second->Reserve(), TierFile::kNowhere);
  // Another bank's file is neither read nor emptied while somebody uses it.
  content_.fingerprint = 43;
  auto third = Open();
  EXPECT_EQ(third->copy_count(), 0u);
  EXPECT_EQ(At(first->Find(7)), 'a');
  first.reset();
  second.reset();
  third.reset();
  EXPECT_EQ(Open()->copy_count(), 0u);
}

TEST_F(TierFileTest, WhatCannotBeAFileIsRefused) {
  std::unique_ptr<TierFile> file;
  EXPECT_EQ(TierFile::Open("/no/such/folder/x", content_, 4, &file, &error_), KL_IO_ERROR);
  EXPECT_EQ(TierFile::Open(testing::TempDir(), content_, 4, &file, &error_), KL_IO_ERROR);
  ASSERT_EQ(symlink("/etc/passwd", path_.c_str()), 0);
  EXPECT_EQ(TierFile::Open(path_, content_, 4, &file, &error_), KL_IO_ERROR);
}

}  // namespace
}  // namespace memory_bank
