#include "core/base/checked_math.h"

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(CheckedMathTest, SumsAndProductsThatFitAreExact) {
  uint64_t result = 0;
  ASSERT_TRUE(CheckedAdd<uint64_t>(UINT64_MAX - 1, 1, &result));
  EXPECT_EQ(result, UINT64_MAX);
  ASSERT_TRUE(CheckedMultiply<uint64_t>(1u << 31, 1u << 31, &result));
  EXPECT_EQ(result, uint64_t{1} << 62);
}

TEST(CheckedMathTest, SumsAndProductsThatWrapAreRefused) {
  uint64_t result = 0;
  EXPECT_FALSE(CheckedAdd<uint64_t>(UINT64_MAX, 1, &result));
  EXPECT_FALSE(CheckedMultiply<uint64_t>(uint64_t{1} << 33, uint64_t{1} << 31, &result));
  int64_t with_sign = 0;
  EXPECT_FALSE(CheckedMultiply<int64_t>(INT64_MAX, 2, &with_sign));
  EXPECT_FALSE(CheckedAdd<int64_t>(INT64_MIN, -1, &with_sign));
}

TEST(CheckedMathTest, AligningUpRefusesToWrap) {
  uint64_t aligned = 0;
  ASSERT_TRUE(CheckedAlignUp(33, 32, &aligned));
  EXPECT_EQ(aligned, 64u);
  ASSERT_TRUE(CheckedAlignUp(64, 32, &aligned));
  EXPECT_EQ(aligned, 64u);
  EXPECT_FALSE(CheckedAlignUp(UINT64_MAX - 5, 32, &aligned));
  EXPECT_EQ(AlignUp(1, 4096), 4096u);
}

}  // namespace
}  // namespace kinglet
