#include "loaders/common/readable.h"

#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/support/memory_file.h"

namespace kinglet {
namespace {

TEST(CheckReadableTest, AnyRangeOfAWholeFileIs) {
  const MemoryFile memory(std::string(20000, 'x'));
  const auto file = MappedFile::Open(memory.path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(CheckReadable(**file, 0, 20000).ok());
  EXPECT_TRUE(CheckReadable(**file, 19999, 1).ok());
  EXPECT_TRUE(CheckReadable(**file, 0, UINT64_MAX).ok());
  EXPECT_TRUE(CheckReadable(**file, UINT64_MAX, UINT64_MAX).ok());
}

TEST(CheckReadableTest, FileCutShortAfterMappingIsAnErrorNotASignal) {
  const MemoryFile memory(std::string(100000, 'x'));
  const auto file = MappedFile::Open(memory.path());
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(ftruncate(memory.descriptor(), 10), 0);
  EXPECT_TRUE(CheckReadable(**file, 0, 10).ok()) << "the page that is left";
  EXPECT_EQ(CheckReadable(**file, 0, 100000).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CheckReadable(**file, 90000, 1).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace kinglet
