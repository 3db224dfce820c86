#include "core/base/atomic_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

size_t FileCount(const TempFolder& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    (void)entry;
    count++;
  }
  return count;
}

TEST(AtomicFileTest, AppearsOnCommitOnly) {
  TempFolder folder;
  const std::string path = folder.path() + "/session";
  auto file = AtomicFile::Create(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Write("one ").ok());
  ASSERT_TRUE((*file)->Write("two").ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE((*file)->Commit().ok());
  EXPECT_EQ(Contents(path), "one two");
  EXPECT_EQ(FileCount(folder), 1u);
  EXPECT_EQ((*file)->Write("more").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ((*file)->Commit().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(AtomicFileTest, WithoutCommitTheOldFileStaysAndNothingIsLeftBehind) {
  TempFolder folder;
  const std::string path = folder.Write("session", "old");
  {
    auto file = AtomicFile::Create(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Write("new").ok());
  }
  EXPECT_EQ(Contents(path), "old");
  EXPECT_EQ(FileCount(folder), 1u);
}

TEST(AtomicFileTest, KeepsThePermissionsOfTheFileThatItReplaces) {
  TempFolder folder;
  const std::string path = folder.Write("session", "old");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  ASSERT_TRUE(WriteFileAtomically(path, "new").ok());
  struct stat facts = {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0640u);
  EXPECT_EQ(Contents(path), "new");
}

TEST(AtomicFileTest, PiecesInAnyOrderWithHolesBetween) {
  TempFolder folder;
  const std::string path = folder.path() + "/pieces";
  const auto file = AtomicFile::Create(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->SetLength(10).ok());
  ASSERT_TRUE((*file)->WriteAt(6, "cd", 2).ok());
  ASSERT_TRUE((*file)->WriteAt(1, "ab", 2).ok());
  ASSERT_TRUE((*file)->Commit().ok());
  EXPECT_EQ(Contents(path), std::string("\0ab\0\0\0cd\0\0", 10));
  EXPECT_FALSE((*file)->WriteAt(0, "x", 1).ok());
  EXPECT_FALSE((*file)->SetLength(1).ok());
}

TEST(AtomicFileTest, FolderThatIsNotThereIsAnErrorThatNamesTheFile) {
  TempFolder folder;
  const absl::Status status = WriteFileAtomically(folder.path() + "/missing/session", "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("missing/session"), absl::string_view::npos);
}

// A limit on the size of files stands in for a full disk: write() fails in the same way.
TEST(AtomicFileTest, NoSpaceIsAnErrorAndLeavesTheOldFile) {
  TempFolder folder;
  const std::string path = folder.Write("session", "old");
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = WriteFileAtomically(path, std::string(100000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, old_handler);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(Contents(path), "old");
  EXPECT_EQ(FileCount(folder), 1u);
}

}  // namespace
}  // namespace kinglet
