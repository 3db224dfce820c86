#include "tools/common/routing_generator.h"

#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

// Share of tokens that each expert of a layer is active for.
std::vector<double> Shares(const Routing& routing, uint32_t layer) {
  const RoutingHeader& header = routing.header;
  std::vector<double> shares(header.experts, 0);
  for (size_t token = 0; token < routing.token_count(); ++token) {
    const uint16_t* row = &routing.experts[token * header.ids_per_token() + layer * header.top_k];
    for (uint32_t k = 0; k < header.top_k; ++k) {
      shares[row[k]] += 1.0 / static_cast<double>(routing.token_count());
    }
  }
  return shares;
}

TEST(RoutingGeneratorTest, IsAsSkewedAsThePaperReports) {
  for (const double locality : {0.0, 0.3, 0.6}) {
    SyntheticRouting shape;
    shape.layers = 4;
    shape.tokens = 20000;
    shape.locality = locality;
    Routing routing;
    ASSERT_TRUE(GenerateRouting(shape, &routing).ok());
    for (uint32_t layer = 0; layer < shape.layers; ++layer) {
      uint32_t cold = 0, hot = 0;
      for (const double share : Shares(routing, layer)) {
        cold += share < 0.14;
        hot += share > 0.39 && share < 0.60;
      }
      EXPECT_EQ(cold + hot, shape.experts) << locality;
      EXPECT_GE(cold, shape.experts * 7 / 10);
      EXPECT_LE(cold, shape.experts * 8 / 10);
    }
  }
}

TEST(RoutingGeneratorTest, ExpertsOfATokenAreDifferentAndTheSeedDecides) {
  SyntheticRouting shape;
  shape.tokens = 50;
  Routing first, again, other;
  ASSERT_TRUE(GenerateRouting(shape, &first).ok());
  ASSERT_TRUE(GenerateRouting(shape, &again).ok());
  shape.seed = 2;
  ASSERT_TRUE(GenerateRouting(shape, &other).ok());
  EXPECT_EQ(first.experts, again.experts);
  EXPECT_NE(first.experts, other.experts);
  for (size_t i = 0; i < first.experts.size(); i += shape.top_k) {
    const std::set<uint16_t> row(&first.experts[i], &first.experts[i] + shape.top_k);
    EXPECT_EQ(row.size(), shape.top_k);
  }
}

TEST(RoutingGeneratorTest, LocalityRepeatsExperts) {
  const auto repeats = [](double locality) {
    SyntheticRouting shape;
    shape.tokens = 500;
    shape.locality = locality;
    Routing routing;
    EXPECT_TRUE(GenerateRouting(shape, &routing).ok());
    const size_t row = routing.header.ids_per_token();
    uint64_t count = 0;
    for (size_t i = row; i < routing.experts.size(); ++i) {
      const size_t group = i - row - i % shape.top_k;
      for (uint32_t k = 0; k < shape.top_k; ++k) {
        count += routing.experts[group + k] == routing.experts[i];
      }
    }
    return count;
  };
  EXPECT_LT(repeats(0) * 5 / 4, repeats(0.5));
}

TEST(RoutingGeneratorTest, TooFewExpertsAreRefused) {
  SyntheticRouting shape;
  shape.experts = 8;
  Routing routing;
  EXPECT_EQ(GenerateRouting(shape, &routing).exit_status, kExitUsage);
}

}  // namespace
}  // namespace kinglet::tools
