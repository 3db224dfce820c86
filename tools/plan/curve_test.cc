#include "tools/plan/curve.h"

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

constexpr uint64_t kMiB = 1 << 20;

std::vector<Prediction> Points(const std::vector<double>& ms_per_token) {
  std::vector<Prediction> points;
  for (size_t i = 0; i < ms_per_token.size(); ++i) {
    points.emplace_back();
    points.back().budget_bytes = (i + 1) * kMiB;
    points.back().compute_ns = 1e6 * ms_per_token[i];
  }
  return points;
}

TEST(CurveTest, BudgetsRiseFromTheSmallestToTheWhole) {
  const std::vector<uint64_t> budgets = SweepBudgets(100 * kMiB + 5, 900 * kMiB + 3, 9);
  ASSERT_EQ(budgets.size(), 9u);
  EXPECT_EQ(budgets.front(), 100 * kMiB + 5);
  EXPECT_EQ(budgets.back(), 900 * kMiB + 3);
  for (size_t i = 1; i < budgets.size(); ++i) EXPECT_GT(budgets[i], budgets[i - 1]);
  EXPECT_EQ(budgets[4] % kMiB, 0u);
}

TEST(CurveTest, CloseBudgetsAreFewer) {
  EXPECT_EQ(SweepBudgets(kMiB, kMiB + 10, 9), (std::vector<uint64_t>{kMiB, kMiB + 10}));
  EXPECT_EQ(SweepBudgets(kMiB, kMiB, 9), (std::vector<uint64_t>{kMiB}));
}

TEST(CurveTest, TheKneeIsWhereTheCurveBends) {
  EXPECT_EQ(KneeOf(Points({100, 50, 20, 19, 18})), 2u);
  EXPECT_EQ(KneeOf(Points({100, 50})), 0u);
  EXPECT_EQ(KneeOf(Points({10, 10, 10})), 0u);
}

}  // namespace
}  // namespace kinglet::tools
