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
  EXPECT_EQ(WaitPerToken(Example(), 10, 2, 0, true), 0);
  EXPECT_EQ(WaitPerToken(Speeds(), 10, 2, 1, true), 0);
}

TEST(ReadAheadTest, WithoutGuessesALayerWaitsForWhatItsAttentionDoesNotHide) {
  // Both experts of each layer, 4 ms together.
  EXPECT_NEAR(WaitPerToken(Example(), 10, 2, 1, false), 10 * (4e6 - 5e5), 1);
  Speeds fast = Example();
  fast.overlap_ns = 5e6;
  fast.layer_ns = 6e6;
  EXPECT_NEAR(WaitPerToken(fast, 10, 2, 1, false), 0, 1);
}

TEST(ReadAheadTest, GuessesHideReadsBehindOtherLayers) {
  Speeds speeds = Example();
  const double without = WaitPerToken(speeds, 32, 4, 0.05, false);
  EXPECT_GT(without, 1e6);
  EXPECT_LT(WaitPerToken(speeds, 32, 4, 0.05, true), 0.7 * without);
}

TEST(ReadAheadTest, NoGuessMakesStorageFaster) {
  // 64 records of 2 ms, and only 13 ms of computing to hide them in: guesses in vain make it worse.
  const double without = WaitPerToken(Example(), 10, 4, 0.8, false);
  const double with = WaitPerToken(Example(), 10, 4, 0.8, true);
  EXPECT_GT(with, 32 * 2e6 - 13e6 - 5e6);
  EXPECT_LT(with, 1.3 * without);
}

TEST(ReadAheadTest, MoreMissingIsMoreWaiting) {
  double before = 0;
  for (const double miss_rate : {0.02, 0.1, 0.2, 0.4, 0.8}) {
    const double waited = WaitPerToken(Example(), 32, 4, miss_rate, true);
    EXPECT_GT(waited, before) << miss_rate;
    before = waited;
  }
}

}  // namespace
}  // namespace kinglet::tools
