#include "tools/replay/hit_rates.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace kinglet::tools {
namespace {

HitRates Example() {
  HitRates rates;
  rates.header = {"a<b>&c", "f", 2, 10, 2};
  rates.token_count = 100;
  rates.policies = {"lru", "belady"};
  rates.slots = {5, 10};
  rates.rate = {{0.25, 0.5}, {0.5, 0.75}};
  rates.misses_per_token = {{3, 2}, {2, 1}};
  return rates;
}

TEST(HitRatesTest, Markdown) {
  EXPECT_EQ(MarkdownOf(Example()),
            "| cache | experts | lru | belady |\n"
            "| ---: | ---: | ---: | ---: |\n"
            "| 25.0 % | 5 | 25.00 % (3.0) | 50.00 % (2.0) |\n"
            "| 50.0 % | 10 | 50.00 % (2.0) | 75.00 % (1.0) |\n");
}

TEST(HitRatesTest, JsonHasARowForEachSizeAndPolicy) {
  const auto json = nlohmann::json::parse(JsonOf(Example()));
  ASSERT_EQ(json["results"].size(), 4u);
  EXPECT_EQ(json["results"][1]["policy"], "belady");
  EXPECT_EQ(json["results"][1]["hit_rate"], 0.5);
  EXPECT_EQ(json["tokens"], 100);
}

TEST(HitRatesTest, SvgHasALineForEachPolicyAndEscapesNames) {
  const std::string svg = SvgOf(Example());
  size_t lines = 0;
  for (size_t at = svg.find("<polyline"); at != std::string::npos;
       at = svg.find("<polyline", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, 2u);
  EXPECT_NE(svg.find("a&lt;b&gt;&amp;c"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
}

}  // namespace
}  // namespace kinglet::tools
