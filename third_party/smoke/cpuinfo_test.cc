#include <cpuinfo.h>

#include "gtest/gtest.h"

namespace {

TEST(CpuinfoTest, KnowsTheProcessors) {
  ASSERT_TRUE(cpuinfo_initialize());
  EXPECT_GE(cpuinfo_get_processors_count(), 1u);
  EXPECT_LE(cpuinfo_get_cores_count(), cpuinfo_get_processors_count());
}

#if defined(__x86_64__)
TEST(CpuinfoTest, AgreesWithTheCompilersCpuidOnAvx2) {
  ASSERT_TRUE(cpuinfo_initialize());
  EXPECT_EQ(cpuinfo_has_x86_avx2(), __builtin_cpu_supports("avx2") != 0);
  EXPECT_TRUE(cpuinfo_has_x86_sse2());
}
#endif

}  // namespace
