#include "core/memory/memory_pressure.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr int64_t kSecondNs = 1000000000;

class MemoryPressureTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& content) {
    const std::string whole = folder_.path() + path;
    std::filesystem::create_directories(std::filesystem::path(whole).parent_path());
    std::ofstream(whole, std::ios::binary) << content;
  }
  void WriteStall(const std::string& path, uint64_t us) {
    Write(path, "some avg10=0.00 avg60=0.00 avg300=0.00 total=" + std::to_string(us) +
                    "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
  }

  const TempFolder folder_;
};

TEST_F(MemoryPressureTest, ASystemThatSaysNothingIsNotShortOfMemory) {
  MemoryPressure pressure(folder_.path());
  EXPECT_EQ(pressure.sources(), "nothing");
  const PressureReading reading = pressure.Read(0);
  EXPECT_EQ(reading.limit_bytes, UINT64_MAX);
  EXPECT_EQ(reading.stalled, 0);
}

TEST_F(MemoryPressureTest, TheGroupNearestToItsLimitCountsWithoutItsFileCache) {
  Write("/proc/self/cgroup", "0::/a/b\n");
  Write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  Write("/sys/fs/cgroup/a/b/memory.high", "800\n");
  Write("/sys/fs/cgroup/a/b/memory.current", "500\n");
  Write("/sys/fs/cgroup/a/b/memory.stat", "anon 300\nfile 200\ninactive_file 100\nactive_file 100\n");
  Write("/sys/fs/cgroup/a/memory.max", "1000\n");
  Write("/sys/fs/cgroup/a/memory.high", "max\n");
  Write("/sys/fs/cgroup/a/memory.current", "900\n");
  Write("/sys/fs/cgroup/a/memory.stat", "inactive_file 20\n");
  MemoryPressure pressure(folder_.path());
  EXPECT_EQ(pressure.sources(), "cgroup v2");
  PressureReading reading = pressure.Read(0);
  EXPECT_EQ(reading.limit_bytes, 1000u);
  EXPECT_EQ(reading.used_bytes, 880u);
  Write("/sys/fs/cgroup/a/memory.current", "120\n");
  reading = pressure.Read(kSecondNs);
  EXPECT_EQ(reading.limit_bytes, 800u);
  EXPECT_EQ(reading.used_bytes, 400u);
}

TEST_F(MemoryPressureTest, VersionOneOfAContainerWhosePathIsTheHosts) {
  Write("/proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/docker/0123\n0::/\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n");
  Write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "3000\n");
  Write("/sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 500\n");
  MemoryPressure pressure(folder_.path());
  EXPECT_EQ(pressure.sources(), "cgroup v1");
  EXPECT_EQ(pressure.Read(0).used_bytes, 2500u);
  EXPECT_EQ(pressure.Read(0).limit_bytes, 4000u);
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(pressure.Read(0).limit_bytes, UINT64_MAX);
}

TEST_F(MemoryPressureTest, StallsOfTheOwnGroupSinceTheReadingBefore) {
  Write("/proc/self/cgroup", "0::/a\n");
  Write("/sys/fs/cgroup/a/memory.max", "max\n");
  WriteStall("/sys/fs/cgroup/a/memory.pressure", 5000000);
  WriteStall("/proc/pressure/memory", 0);
  MemoryPressure pressure(folder_.path());
  EXPECT_EQ(pressure.sources(), "cgroup v2, memory.pressure");
  EXPECT_EQ(pressure.Read(kSecondNs).stalled, 0);  // of the past, nothing is known
  WriteStall("/sys/fs/cgroup/a/memory.pressure", 5250000);
  EXPECT_DOUBLE_EQ(pressure.Read(2 * kSecondNs).stalled, 0.25);
  EXPECT_EQ(pressure.Read(3 * kSecondNs).stalled, 0);
  WriteStall("/sys/fs/cgroup/a/memory.pressure", 1);  // a counter that began anew
  EXPECT_EQ(pressure.Read(4 * kSecondNs).stalled, 0);
}

TEST_F(MemoryPressureTest, TheSystemsStallsCountOnlyWhereLittleIsLeft) {
  WriteStall("/proc/pressure/memory", 0);
  Write("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:     10 kB\nMemAvailable:    500 kB\n");
  MemoryPressure pressure(folder_.path());
  EXPECT_EQ(pressure.sources(), "/proc/pressure/memory");
  pressure.Read(0);
  WriteStall("/proc/pressure/memory", 500000);
  EXPECT_EQ(pressure.Read(kSecondNs).stalled, 0);
  Write("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:     10 kB\nMemAvailable:    50 kB\n");
  WriteStall("/proc/pressure/memory", 1000000);
  EXPECT_DOUBLE_EQ(pressure.Read(2 * kSecondNs).stalled, 0.5);
}

TEST_F(MemoryPressureTest, NonsenseIsNoPressure) {
  Write("/proc/self/cgroup", "::\n\n0\nrubbish\n0::../..\n0::/a\n");
  Write("/sys/fs/cgroup/a/memory.max", "12 apples\n");
  Write("/sys/fs/cgroup/a/memory.current", "many\n");
  Write("/sys/fs/cgroup/a/memory.pressure", "some total=\n");
  MemoryPressure pressure(folder_.path());
  EXPECT_EQ(pressure.Read(0).used_bytes, 0u);
  EXPECT_EQ(pressure.Read(kSecondNs).stalled, 0);
}

TEST_F(MemoryPressureTest, ThisSystemCanBeRead) {
  MemoryPressure pressure("");
  const PressureReading reading = pressure.Read(0);
  EXPECT_GE(reading.stalled, 0);
  EXPECT_FALSE(pressure.sources().empty());
}

}  // namespace
}  // namespace kinglet
