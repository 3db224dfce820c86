#include "core/text/random_generator.h"

#include "gtest/gtest.h"

namespace kinglet {
namespace {

// Computed by an independent implementation of splitmix64 and xoshiro256++.
TEST(RandomGeneratorTest, GivesTheKnownSequence) {
  RandomGenerator zero(0);
  EXPECT_EQ(RandomGenerator::State({0xE220A8397B1DCDAFu, 0x6E789E6AA1B965F4u, 0x06C45D188009454Fu,
                                    0xF88BB8A8724C81ECu}),
            zero.state());
  EXPECT_EQ(0x53175D61490B23DFu, zero.Next());
  EXPECT_EQ(0x61DA6F3DC380D507u, zero.Next());
  EXPECT_EQ(0x5C0FDF91EC9A7BFCu, zero.Next());
}

TEST(RandomGeneratorTest, GoesOnFromASavedState) {
  RandomGenerator first(7);
  for (int i = 0; i < 10; i++) first.Next();
  RandomGenerator second(8);
  second.set_state(first.state());
  for (int i = 0; i < 10; i++) EXPECT_EQ(first.Next(), second.Next());
}

TEST(RandomGeneratorTest, UnitNumbersFillTheInterval) {
  RandomGenerator random(3);
  double sum = 0;
  double lowest = 1;
  double highest = 0;
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; i++) {
    const double unit = random.NextUnit();
    ASSERT_GE(unit, 0);
    ASSERT_LT(unit, 1);
    sum += unit;
    lowest = unit < lowest ? unit : lowest;
    highest = unit > highest ? unit : highest;
  }
  EXPECT_NEAR(0.5, sum / kCount, 0.005);
  EXPECT_LT(lowest, 0.001);
  EXPECT_GT(highest, 0.999);
}

}  // namespace
}  // namespace kinglet
