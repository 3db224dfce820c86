#include "core/base/cpu_info.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr char kCpus[] = "sys/devices/system/cpu/cpu";

void AddCpu(const TempFolder& folder, int id, const std::string& core) {
  folder.Write(absl::StrCat(kCpus, id, "/topology/thread_siblings_list"), core + "\n");
}

CpuSources FirstCpus(const TempFolder& folder, int count) {
  CpuSources sources;
  sources.root = folder.path();
  for (int id = 0; id < count; id++) sources.allowed_cpus.push_back(id);
  return sources;
}

TEST(UsableThreadCountTest, CountsCoresNotTheirHardwareThreads) {
  TempFolder folder;
  for (int id = 0; id < 8; id++) AddCpu(folder, id, absl::StrCat(id % 4, ",", id % 4 + 4));
  EXPECT_EQ(UsableThreadCount(FirstCpus(folder, 8)), 4u);
}

TEST(UsableThreadCountTest, AffinityMaskLeavesOnlyItsOwnCores) {
  TempFolder folder;
  for (int id = 0; id < 8; id++) AddCpu(folder, id, absl::StrCat(id % 4, ",", id % 4 + 4));
  CpuSources sources;
  sources.root = folder.path();
  sources.allowed_cpus = {1, 5, 2};
  EXPECT_EQ(UsableThreadCount(sources), 2u);
}

TEST(UsableThreadCountTest, LeavesOutTheSmallCoresOfAnArmProcessor) {
  TempFolder folder;
  const int capacities[] = {414, 414, 414, 414, 1024, 1024, 830, 830};
  for (int id = 0; id < 8; id++) {
    AddCpu(folder, id, absl::StrCat(id));
    folder.Write(absl::StrCat(kCpus, id, "/cpu_capacity"), absl::StrCat(capacities[id], "\n"));
  }
  EXPECT_EQ(UsableThreadCount(FirstCpus(folder, 8)), 4u);
  EXPECT_EQ(UsableThreadCount(FirstCpus(folder, 4)), 4u) << "a mask of small cores only";
}

TEST(UsableThreadCountTest, LeavesOutTheEfficiencyCoresOfAHybridProcessor) {
  TempFolder folder;
  for (int id = 0; id < 4; id++) AddCpu(folder, id, absl::StrCat(id / 2 * 2, "-", id / 2 * 2 + 1));
  for (int id = 4; id < 8; id++) AddCpu(folder, id, absl::StrCat(id));
  folder.Write("sys/devices/cpu_core/cpus", "0-3\n");
  EXPECT_EQ(UsableThreadCount(FirstCpus(folder, 8)), 2u);
}

TEST(UsableThreadCountTest, FrequencyTellsBigFromSmallWhereThereIsNoCapacity) {
  TempFolder folder;
  for (int id = 0; id < 4; id++) {
    AddCpu(folder, id, absl::StrCat(id));
    folder.Write(absl::StrCat(kCpus, id, "/cpufreq/cpuinfo_max_freq"),
                 id < 3 ? "1000000" : "2400000");
  }
  EXPECT_EQ(UsableThreadCount(FirstCpus(folder, 4)), 1u);
}

TEST(UsableThreadCountTest, MachineThatTellsNothingCountsItsCpus) {
  TempFolder folder;
  EXPECT_EQ(UsableThreadCount(FirstCpus(folder, 3)), 3u);
}

struct QuotaCase {
  const char* name;
  const char* cgroup;  // /proc/self/cgroup
  const char* file;    // below /sys/fs/cgroup; "|" between files
  const char* text;    // their contents
  uint32_t threads;    // of 8 cores
};

class QuotaTest : public testing::TestWithParam<QuotaCase> {};

TEST_P(QuotaTest, CutsTheThreads) {
  const QuotaCase& param = GetParam();
  TempFolder folder;
  folder.Write("proc/self/cgroup", param.cgroup);
  std::string files = param.file, texts = param.text;
  while (!files.empty()) {
    const size_t file_end = files.find('|'), text_end = texts.find('|');
    folder.Write("sys/fs/cgroup/" + files.substr(0, file_end), texts.substr(0, text_end));
    files = file_end == std::string::npos ? "" : files.substr(file_end + 1);
    texts = text_end == std::string::npos ? "" : texts.substr(text_end + 1);
  }
  EXPECT_EQ(UsableThreadCount(FirstCpus(folder, 8)), param.threads);
}

INSTANTIATE_TEST_SUITE_P(
    Cgroup, QuotaTest,
    testing::Values(
        QuotaCase{"V2Unlimited", "0::/a\n", "a/cpu.max", "max 100000\n", 8},
        QuotaCase{"V2TwoCpus", "0::/a\n", "a/cpu.max", "200000 100000\n", 2},
        QuotaCase{"V2PartOfACpuIsOneThread", "0::/a\n", "a/cpu.max", "50000 100000\n", 1},
        QuotaCase{"V2RoundsDownToWholeCpus", "0::/a\n", "a/cpu.max", "350000 100000\n", 3},
        QuotaCase{"V2ParentIsTighter", "0::/a/b\n", "a/b/cpu.max|a/cpu.max",
                  "400000 100000|300000 100000", 3},
        QuotaCase{"V2InTheMountsRoot", "0::/\n", "cpu.max", "500000 100000\n", 5},
        QuotaCase{"V2PathOfTheHostInAContainer", "0::/docker/abc\n", "cpu.max", "200000 100000\n",
                  2},
        QuotaCase{"V2MoreThanTheCores", "0::/a\n", "a/cpu.max", "6400000 100000\n", 8},
        QuotaCase{"V2Nonsense", "0::/a\n", "a/cpu.max", "soon\n", 8},
        QuotaCase{"V1TwoCpus", "4:cpu,cpuacct:/a\n",
                  "cpu,cpuacct/a/cpu.cfs_quota_us|cpu,cpuacct/a/cpu.cfs_period_us",
                  "200000\n|100000\n", 2},
        QuotaCase{"V1UnderItsShortName", "4:cpuacct,cpu:/a\n",
                  "cpu/a/cpu.cfs_quota_us|cpu/a/cpu.cfs_period_us", "300000\n|100000\n", 3},
        QuotaCase{"V1Unlimited", "4:cpu:/a\n", "cpu/a/cpu.cfs_quota_us|cpu/a/cpu.cfs_period_us",
                  "-1\n|100000\n", 8},
        QuotaCase{"V1OtherControllersDoNotCount", "4:cpuset:/a\n",
                  "cpuset/a/cpu.cfs_quota_us|cpuset/a/cpu.cfs_period_us", "200000\n|100000\n", 8}),
    [](const testing::TestParamInfo<QuotaCase>& info) { return info.param.name; });

TEST(ProbeCpuTest, ReadsCacheSizes) {
  TempFolder folder;
  const auto add = [&](int index, const char* level, const char* type, const char* size) {
    const std::string cache = absl::StrCat(kCpus, "0/cache/index", index, "/");
    folder.Write(cache + "level", level);
    folder.Write(cache + "type", type);
    folder.Write(cache + "size", size);
    folder.Write(cache + "coherency_line_size", "128\n");
  };
  add(0, "1\n", "Data\n", "48K\n");
  add(1, "1\n", "Instruction\n", "64K\n");
  add(2, "2\n", "Unified\n", "1280K\n");
  add(3, "3\n", "Unified\n", "24M\n");
  const kl_cpu cpu = ProbeCpu(FirstCpus(folder, 1));
  EXPECT_EQ(cpu.struct_size, sizeof cpu);
  EXPECT_EQ(cpu.l1d_bytes, 48u * 1024);
  EXPECT_EQ(cpu.l2_bytes, 1280u * 1024);
  EXPECT_EQ(cpu.l3_bytes, 24u * 1024 * 1024);
  EXPECT_EQ(cpu.cache_line_bytes, 128u);
  EXPECT_EQ(cpu.physical_core_count, 1u);
}

TEST(ProbeCpuTest, ThisMachineHasCoresAndCaches) {
  const kl_cpu cpu = ProbeCpu();
  EXPECT_GE(cpu.physical_core_count, 1u);
  EXPECT_GE(cpu.l1d_bytes, 8u * 1024);
  EXPECT_GE(cpu.l2_bytes, 64u * 1024);
  EXPECT_GE(cpu.cache_line_bytes, 16u);
  EXPECT_GE(UsableThreadCount(), 1u);
}

#if defined(__x86_64__)
TEST(CpuFeaturesTest, AgreeWithTheCompilersOwnProbe) {
  __builtin_cpu_init();
  const uint64_t features = CpuFeatures();
  EXPECT_EQ((features & KL_CPU_SSE41) != 0, __builtin_cpu_supports("sse4.1") != 0);
  EXPECT_EQ((features & KL_CPU_AVX2) != 0, __builtin_cpu_supports("avx2") &&
                                               __builtin_cpu_supports("fma") &&
                                               __builtin_cpu_supports("bmi2"));
  EXPECT_EQ((features & KL_CPU_AVX512) != 0, __builtin_cpu_supports("avx512f") &&
                                                 __builtin_cpu_supports("avx512bw") &&
                                                 __builtin_cpu_supports("avx512vl"));
  EXPECT_EQ((features & KL_CPU_AVX512_VNNI) != 0, __builtin_cpu_supports("avx512vnni") != 0);
  EXPECT_EQ(features & (KL_CPU_NEON | KL_CPU_SVE), 0u);
}
#elif defined(__aarch64__)
TEST(CpuFeaturesTest, EveryProcessorOfThisFamilyHasNeon) {
  EXPECT_NE(CpuFeatures() & KL_CPU_NEON, 0u);
}
#endif

}  // namespace
}  // namespace kinglet
