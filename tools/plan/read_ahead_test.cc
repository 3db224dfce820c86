#include "tools/plan/read_ahead.h"

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

Speeds Example() {
  Speeds speeds;
  speeds.reads = {{1, 2e6, 2e6}, {4, 8e6, 8e6}};  // 1 GB/s, however many
  speeds.layer_ns = 1e6;
  speeds.overlap_ns = 5e5;
  speeds.rest_ns = 3e6;
  return speeds;
}

TEST(ReadAheadTest, NothingMissingIsNothingWaitedFor) {
  EXPECT_EQ(DelayPerToken(Example(), 10, 2, 0, true).wait_ns, 0);
  EXPECT_EQ(DelayPerToken(Speeds(), 10, 2, 1, true).wait_ns, 0);
}

TEST(ReadAheadTest, WithoutGuessesALayerWaitsForWhatItsAttentionDoesNotHide) {
  // Both experts of each layer, 4 ms together.
  EXPECT_NEAR(DelayPerToken(Example(), 10, 2, 1, false).wait_ns, 10 * (4e6 - 5e5), 1);
  Speeds fast = Example();
  fast.overlap_ns = 5e6;
  fast.layer_ns = 6e6;
  EXPECT_NEAR(DelayPerToken(fast, 10, 2, 1, false).wait_ns, 0, 1);
}

TEST(ReadAheadTest, GuessesHideReadsBehindOtherLayers) {
  Speeds speeds = Example();
  speeds.layer_ns = 2e6;
  const double without = DelayPerToken(speeds, 32, 4, 0.05, false).wait_ns;
  EXPECT_GT(without, 1e6);
  EXPECT_LT(DelayPerToken(speeds, 32, 4, 0.05, true).wait_ns, 0.7 * without);
  // What a large cache still misses is seldom guessed.
  const double few = DelayPerToken(speeds, 640, 4, 0.005, false).wait_ns;
  EXPECT_GT(DelayPerToken(speeds, 640, 4, 0.005, true).wait_ns, 0.8 * few);
}

TEST(ReadAheadTest, NoGuessMakesStorageFaster) {
  // 64 records of 2 ms, and only 13 ms of computing to hide them in: guesses in vain make it worse.
  const double without = DelayPerToken(Example(), 10, 4, 0.8, false).wait_ns;
  const double with = DelayPerToken(Example(), 10, 4, 0.8, true).wait_ns;
  EXPECT_GT(with, 32 * 2e6 - 13e6 - 5e6);
  EXPECT_LT(with, 1.3 * without);
}

TEST(ReadAheadTest, MoreMissingIsMoreWaiting) {
  double before = 0;
  for (const double miss_rate : {0.02, 0.1, 0.2, 0.4, 0.8}) {
    const double waited = DelayPerToken(Example(), 32, 4, miss_rate, true).wait_ns;
    EXPECT_GT(waited, before) << miss_rate;
    before = waited;
  }
}

TEST(ReadAheadTest, ReadsTakeProcessorTimeFromComputing) {
  Speeds speeds = Example();
  for (ReadSpeed& read : speeds.reads) read.cpu_ns = read.ns / 4;
  speeds.overlap_ns = speeds.layer_ns;
  // Storage is busy all the time: three quarters of a core are left.
  EXPECT_NEAR(DelayPerToken(speeds, 10, 2, 1, false).slowed_ns, 10 * 1e6 / 3, 1);
  speeds.spare_core = true;
  EXPECT_EQ(DelayPerToken(speeds, 10, 2, 1, false).slowed_ns, 0);
}

}  // namespace
}  // namespace kinglet::tools
