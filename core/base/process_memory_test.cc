#include "core/base/process_memory.h"

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

TEST(ProcessMemoryTest, ReadsTheKernelsReport) {
  TempFolder folder;
  folder.Write(
      "proc/self/status",
      "Name:\tkinglet\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssFile:\t 512 kB\nVmExe:\t  64 kB\nVmLib:\t 256 kB\n");
  const auto memory = ReadProcessMemory(folder.path());
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->resident_bytes, 1024u * 1024);
  EXPECT_EQ(memory->peak_resident_bytes, 2048u * 1024);
  EXPECT_EQ(memory->resident_file_bytes, 512u * 1024);
  EXPECT_EQ(memory->code_bytes, 320u * 1024);
}

TEST(ProcessMemoryTest, KnowsThisProcess) {
  const auto memory = ReadProcessMemory();
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_GT(memory->resident_bytes, 100u * 1024);
}

TEST(ProcessMemoryTest, SaysWhatIsMissing) {
  TempFolder folder;
  EXPECT_EQ(ReadProcessMemory(folder.path()).status().code(), absl::StatusCode::kUnavailable);
  folder.Write("proc/self/status", "Name:\tkinglet\n");
  EXPECT_EQ(ReadProcessMemory(folder.path()).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace kinglet
