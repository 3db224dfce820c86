#include "gtest/gtest.h"

#include "gmock/gmock.h"

namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Return;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual long Now(int unit) = 0;
};

class MockClock : public Clock {
 public:
  MOCK_METHOD(long, Now, (int unit), (override));
};

TEST(GmockTest, MockAnswersAsTold) {
  MockClock clock;
  EXPECT_CALL(clock, Now(_)).Times(2).WillOnce(Return(7)).WillOnce(Return(8));
  Clock& as_interface = clock;
  EXPECT_EQ(as_interface.Now(1), 7);
  EXPECT_EQ(as_interface.Now(1), 8);
}

TEST(GmockTest, MatchersCompareContainers) {
  const int offsets[] = {0, 64, 128};
  EXPECT_THAT(offsets, ElementsAre(0, 64, 128));
}

class ParameterTest : public testing::TestWithParam<int> {};

TEST_P(ParameterTest, RunsOnceAValue) { EXPECT_EQ(GetParam() & (GetParam() - 1), 0); }

INSTANTIATE_TEST_SUITE_P(PowersOfTwo, ParameterTest, testing::Values(1, 2, 64));

}  // namespace
