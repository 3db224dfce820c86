#include "tools/perplexity/estimate.h"

#include <cmath>

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

TEST(EstimateTest, LikelihoodIsThatOfTheSoftmax) {
  const float logits[] = {std::log(1.0f), std::log(2.0f), std::log(5.0f)};
  EXPECT_NEAR(NegativeLogLikelihood(logits, 3, 1), -std::log(2.0 / 8.0), 1e-6);
}

TEST(EstimateTest, LargeLogitsDoNotOverflow) {
  const float logits[] = {10000.0f, 9999.0f};
  EXPECT_NEAR(NegativeLogLikelihood(logits, 2, 1), 1 + std::log1p(std::exp(-1.0)), 1e-6);
}

TEST(EstimateTest, EqualProbabilitiesGiveTheirNumberAndNoError) {
  PerplexityEstimate estimate;
  for (int i = 0; i < 10; ++i) estimate.Add(std::log(7.0));
  EXPECT_NEAR(estimate.perplexity(), 7.0, 1e-9);
  EXPECT_NEAR(estimate.standard_error(), 0.0, 1e-6);
}

TEST(EstimateTest, StandardErrorIsThatOfTheMeanTimesThePerplexity) {
  PerplexityEstimate estimate;
  for (const double value : {1.0, 2.0, 3.0, 4.0}) estimate.Add(value);
  // Variance 1.25 over n, divided by n - 1.
  EXPECT_NEAR(estimate.standard_error(), std::sqrt(1.25 / 3) * std::exp(2.5), 1e-9);
}

}  // namespace
}  // namespace kinglet::tools
