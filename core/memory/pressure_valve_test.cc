#include "core/memory/pressure_valve.h"

#include "gtest/gtest.h"

namespace kinglet {
namespace {

constexpr int64_t kSecondNs = 1000000000;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kLeast = 100 * kMiB, kMost = 900 * kMiB;

PressureReading Group(uint64_t used_mib) {
  PressureReading reading;
  reading.limit_bytes = 1024 * kMiB;  // reserve 16 MiB: high above 1008, goal 992
  reading.used_bytes = used_mib * kMiB;
  return reading;
}
PressureReading Stalled(double part) {
  PressureReading reading;
  reading.stalled = part;
  return reading;
}

TEST(PressureValveTest, OpenWithoutPressure) {
  PressureValve valve(kLeast, kMost);
  EXPECT_EQ(valve.Update(PressureReading(), kMost, 0), kMost);
  EXPECT_EQ(valve.Update(Group(1008), kMost, kSecondNs), kMost);
  EXPECT_TRUE(valve.is_open());
  EXPECT_EQ(valve.shrink_count(), 0u);
}

TEST(PressureValveTest, NearALimitItGivesBackWhatIsAboveTheGoal) {
  PressureValve valve(kLeast, kMost);
  EXPECT_EQ(valve.Update(Group(1020), kMost, 0), kMost - 28 * kMiB);
  EXPECT_EQ(valve.shrink_count(), 1u);
  // What was given back shows: nothing changes between the marks, however long.
  for (int i = 1; i < 1000; ++i) EXPECT_EQ(valve.Update(Group(992), kMost - 28 * kMiB, i * kSecondNs), kMost - 28 * kMiB);
  EXPECT_EQ(valve.shrink_count(), 1u);
  EXPECT_EQ(valve.grow_count(), 0u);
}

TEST(PressureValveTest, NeverBelowTheLeast) {
  PressureValve valve(kLeast, kMost);
  uint64_t held = kMost;
  for (int i = 0; i < 100; ++i) held = valve.Update(Group(1024), held, i * kSecondNs);
  EXPECT_EQ(held, kLeast);
  const uint64_t count = valve.shrink_count();
  EXPECT_EQ(valve.Update(Group(1024), held, 100 * kSecondNs), kLeast);
  EXPECT_EQ(valve.shrink_count(), count);  // nothing was given back
  EXPECT_EQ(PressureValve(kMost, kLeast).Update(Stalled(1), kLeast, 0), kLeast);
}

TEST(PressureValveTest, StallsShrinkByEighthsAndCalmGrowsBack) {
  PressureValve valve(kLeast, kMost);
  EXPECT_EQ(valve.Update(Stalled(0.5), kMost, 0), kMost - 100 * kMiB);
  EXPECT_EQ(valve.Update(Stalled(0.5), kMost - 100 * kMiB, kSecondNs), kMost - 200 * kMiB);
  uint64_t held = kMost - 200 * kMiB;
  // A little stalling is neither.
  for (int i = 2; i < 60; ++i) EXPECT_EQ(valve.Update(Stalled(0.05), held, i * kSecondNs), held);
  int64_t now_ns = 60 * kSecondNs;
  while (!valve.is_open() && now_ns < 100 * kSecondNs) held = valve.Update(Stalled(0), held, now_ns += kSecondNs / 2);
  EXPECT_EQ(held, kMost);
  EXPECT_EQ(valve.grow_count(), 2u);
  EXPECT_GE(now_ns, 64 * kSecondNs);
  EXPECT_LE(now_ns, 68 * kSecondNs);
}

TEST(PressureValveTest, GrowsOnlyIntoWhatTheGroupLeaves) {
  PressureValve valve(kLeast, kMost);
  uint64_t held = valve.Update(Stalled(1), kMost, 0);
  for (int i = 1; i < 60; ++i) {
    // Others use what makes 972 MiB of the group: 20 are left below the goal.
    const uint64_t used_mib = 972 - 800 + held / kMiB;
    held = valve.Update(Group(used_mib), held, i * kSecondNs);
  }
  EXPECT_EQ(held, 820 * kMiB);
}

TEST(PressureValveTest, PressureSoonAfterGrowingMakesItWaitLonger) {
  PressureValve valve(kLeast, kMost);
  int64_t now_ns = 0;
  uint64_t held = valve.Update(Stalled(1), kMost, now_ns);
  int64_t before_ns = 0;
  for (int round = 0; round < 4; ++round) {
    const int64_t begin_ns = now_ns;
    const uint64_t count = valve.grow_count();
    while (valve.grow_count() == count) held = valve.Update(Stalled(0), held, now_ns += kSecondNs);
    EXPECT_GE(now_ns - begin_ns, 2 * before_ns) << round;
    before_ns = now_ns - begin_ns;
    held = valve.Update(Stalled(1), held, now_ns += kSecondNs);
  }
  EXPECT_EQ(before_ns, 40 * kSecondNs);
}

TEST(PressureValveTest, ASmallGroupKeepsAReserveInProportion) {
  PressureValve valve(0, 100);
  PressureReading reading;
  reading.limit_bytes = 80;
  reading.used_bytes = 71;
  EXPECT_EQ(valve.Update(reading, 50, 0), 50u - 11);
}

}  // namespace
}  // namespace kinglet
