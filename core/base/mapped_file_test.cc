#include "core/base/mapped_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

TEST(MappedFileTest, MapsTheBytesOfAFile) {
  TempFolder folder;
  const auto file = MappedFile::Open(folder.Write("a", "some bytes"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>((*file)->data()), (*file)->size()),
            "some bytes");
}

TEST(MappedFileTest, EmptyFileHasSizeZero) {
  TempFolder folder;
  const auto file = MappedFile::Open(folder.Write("a", ""));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->size(), 0u);
  (*file)->Discard(0, 10);
  (*file)->AdviseRandom(0, 10);
  EXPECT_TRUE((*file)->StillBacked());
}

TEST(MappedFileTest, RefusesWhatIsNotThereOrNoRegularFile) {
  TempFolder folder;
  const auto missing = MappedFile::Open(folder.path() + "/missing");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  const auto directory = MappedFile::Open(folder.path());
  EXPECT_EQ(directory.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::Open(pipe).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MappedFileTest, DiscardedPagesReadTheSameAgain) {
  TempFolder folder;
  const std::string contents(3 * 65536 + 17, 'x');
  const auto opened = MappedFile::Open(folder.Write("a", contents));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const MappedFile& file = **opened;
  file.Discard(1, file.size());
  file.AdviseRandom(5, UINT64_MAX);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file.data()), file.size()), contents);
  file.Discard(UINT64_MAX, UINT64_MAX);
  EXPECT_EQ(file.data()[file.size() - 1], 'x');
}

TEST(MappedFileTest, PeekCopiesAndSaysWhereTheFileEnds) {
  TempFolder folder;
  const std::string path = folder.Write("a", "0123456789");
  const auto opened = MappedFile::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const MappedFile& file = **opened;
  char bytes[4] = {};
  ASSERT_TRUE(file.Peek(3, 4, bytes).ok());
  EXPECT_EQ(std::string(bytes, 4), "3456");
  EXPECT_TRUE(file.Peek(10, 0, bytes).ok());
  EXPECT_EQ(file.Peek(8, 4, bytes).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(file.Peek(UINT64_MAX, 1, bytes).code(), absl::StatusCode::kDataLoss);
  ASSERT_EQ(truncate(path.c_str(), 5), 0);
  EXPECT_EQ(file.Peek(3, 4, bytes).code(), absl::StatusCode::kDataLoss) << "not SIGBUS";
}

TEST(MappedFileTest, NoticesThatTheFileBecameShorter) {
  TempFolder folder;
  const std::string path = folder.Write("a", std::string(10000, 'x'));
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->StillBacked());
  ASSERT_EQ(truncate(path.c_str(), 100), 0);
  EXPECT_FALSE((*file)->StillBacked());
}

TEST(MappedFileTest, RemovingTheNameLeavesTheMapping) {
  TempFolder folder;
  const std::string path = folder.Write("a", "kept");
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_TRUE((*file)->StillBacked());
  EXPECT_EQ((*file)->data()[0], 'k');
}

}  // namespace
}  // namespace kinglet
