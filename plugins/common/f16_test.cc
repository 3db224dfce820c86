#include "plugins/common/f16.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(F16Test, WidensKnownValues) {
  EXPECT_EQ(F16ToF32(0x3c00), 1.0f);
  EXPECT_EQ(F16ToF32(0xc000), -2.0f);
  EXPECT_EQ(F16ToF32(0x3555), 0.333251953125f);
  EXPECT_EQ(F16ToF32(0x7bff), 65504.0f);
  EXPECT_EQ(F16ToF32(0x0400), std::ldexp(1.0f, -14));      // smallest normal
  EXPECT_EQ(F16ToF32(0x0001), std::ldexp(1.0f, -24));      // smallest subnormal
  EXPECT_EQ(F16ToF32(0x83ff), -std::ldexp(1023.0f, -24));  // largest subnormal, negative
  EXPECT_EQ(F16ToF32(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(F16ToF32(0x7e00)));
  EXPECT_TRUE(std::signbit(F16ToF32(0x8000)));
}

TEST(F16Test, EveryHalfSurvivesTheWayToF32AndBack) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const float value = F16ToF32(static_cast<uint16_t>(half));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(F16ToF32(F32ToF16(value)))) << half;
    } else {
      EXPECT_EQ(F32ToF16(value), half);
    }
  }
}

TEST(F16Test, RoundsToNearestAndTiesToEven) {
  EXPECT_EQ(F32ToF16(1.0f + std::ldexp(1.0f, -11)), 0x3c00);                        // tie, down
  EXPECT_EQ(F32ToF16(1.0f + std::ldexp(3.0f, -11)), 0x3c02);                        // tie, up
  EXPECT_EQ(F32ToF16(std::nextafter(1.0f + std::ldexp(1.0f, -11), 2.0f)), 0x3c01);  // above
  EXPECT_EQ(F32ToF16(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(F32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(F32ToF16(std::ldexp(1.0f, -25)), 0x0000);  // tie, to zero
  EXPECT_EQ(F32ToF16(std::nextafter(std::ldexp(1.0f, -25), 1.0f)), 0x0001);
  EXPECT_EQ(F32ToF16(std::ldexp(3.0f, -25)), 0x0002);  // tie, to even
  EXPECT_EQ(F32ToF16(-std::numeric_limits<float>::infinity()), 0xfc00);
}

TEST(F16Test, RoundsEveryValueBetweenTwoHalvesToTheNearer) {
  for (uint32_t half = 0; half < 0x7bff; half += 7) {
    const float low = F16ToF32(static_cast<uint16_t>(half)),
                high = F16ToF32(static_cast<uint16_t>(half + 1));
    EXPECT_EQ(F32ToF16(low + (high - low) * 0.25f), half);
    EXPECT_EQ(F32ToF16(low + (high - low) * 0.75f), half + 1);
    EXPECT_EQ(F32ToF16(low + (high - low) * 0.5f), half + (half & 1));
  }
}

TEST(Bf16Test, RoundsToNearestAndTiesToEven) {
  EXPECT_EQ(Bf16ToF32(0x3f80), 1.0f);
  EXPECT_EQ(Bf16ToF32(0xc2f7), -123.5f);
  EXPECT_EQ(F32ToBf16(1.0f), 0x3f80);
  EXPECT_EQ(F32ToBf16(F32FromBits(0x3f808000)), 0x3f80);  // tie, to even
  EXPECT_EQ(F32ToBf16(F32FromBits(0x3f818000)), 0x3f82);  // tie, to even
  EXPECT_EQ(F32ToBf16(F32FromBits(0x3f808001)), 0x3f81);
  EXPECT_EQ(F32ToBf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_TRUE(std::isnan(Bf16ToF32(F32ToBf16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isnan(Bf16ToF32(F32ToBf16(F32FromBits(0x7f800001)))));
}

}  // namespace
}  // namespace kinglet
