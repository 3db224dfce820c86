#include "tools/predict/kendall.h"

#include <cmath>

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

TEST(KendallTest, SameOrderIsOneAndTheOppositeMinusOne) {
  EXPECT_EQ(KendallTau({1, 2, 3, 4}, {10, 20, 30, 40}), 1);
  EXPECT_EQ(KendallTau({1, 2, 3, 4}, {4, 3, 2, 1}), -1);
  EXPECT_EQ(KendallTau({3, 1, 2}, {0.3, 0.1, 0.2}), 1) << "the lists need not be sorted";
}

TEST(KendallTest, EachPairInTheOtherOrderCostsTwice) {
  // Of six pairs one is discordant.
  EXPECT_DOUBLE_EQ(*KendallTau({1, 2, 3, 4}, {1, 3, 2, 4}), 4.0 / 6);
  EXPECT_DOUBLE_EQ(*KendallTau({1, 2, 3}, {2, 3, 1}), -1.0 / 3);
}

TEST(KendallTest, TiesCountForNeitherOrder) {
  // A tie in both lists leaves five pairs, all concordant.
  EXPECT_DOUBLE_EQ(*KendallTau({1, 2, 2, 3}, {1, 2, 2, 3}), 1);
  // A tie in one list: five concordant pairs of six, sqrt(5 * 6).
  EXPECT_DOUBLE_EQ(*KendallTau({1, 2, 2, 3}, {1, 2, 3, 4}), 5 / std::sqrt(30.0));
  EXPECT_DOUBLE_EQ(*KendallTau({1, 2, 3, 4}, {1, 2, 2, 3}), 5 / std::sqrt(30.0));
  // scipy.stats.kendalltau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])
  EXPECT_NEAR(*KendallTau({12, 2, 1, 12, 2}, {1, 4, 7, 1, 0}), -0.47140452079103173, 1e-15);
}

TEST(KendallTest, WithoutTwoDifferentNumbersThereIsNone) {
  EXPECT_FALSE(KendallTau({}, {}).has_value());
  EXPECT_FALSE(KendallTau({1}, {2}).has_value());
  EXPECT_FALSE(KendallTau({1, 1, 1}, {1, 2, 3}).has_value());
  EXPECT_FALSE(KendallTau({1, 2, 3}, {5, 5, 5}).has_value());
}

}  // namespace
}  // namespace kinglet::tools
