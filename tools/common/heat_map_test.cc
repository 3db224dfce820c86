#include "tools/common/heat_map.h"

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

// Two layers of four experts, ten tokens: expert e of layer 0 chosen e times, of layer 1 all by the
// first.
ExpertUse Example() {
  ExpertUse use = ExpertUse::Of(2, 4);
  use.tokens = 10;
  use.counts = {0, 1, 2, 7, 10, 0, 0, 0};
  return use;
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ExpertUseTest, CountsTokensAndLeavesEmptyPlacesOut) {
  ExpertUse use = ExpertUse::Of(2, 4);
  const uint16_t first[] = {3, 1, 0, kNoExpert}, second[] = {3, 0, 2, 0};
  use.Add(first, 2);
  use.Add(second, 2);
  EXPECT_EQ(use.tokens, 2u);
  EXPECT_EQ(use.counts, (std::vector<uint64_t>{1, 1, 0, 2, 2, 0, 1, 0}));
  EXPECT_EQ(use.Share(0, 3), 1.0);
  EXPECT_EQ(use.Share(1, 2), 0.5);
}

TEST(HeatMapTest, ShadesRiseWithUse) {
  const std::string text = HeatMapText(Example(), {80, false});
  EXPECT_NE(text.find("    0    ░░░░▓▓     3     70 %\n"), std::string::npos) << text;
  EXPECT_NE(text.find("    1  ██           1    100 %\n"), std::string::npos) << text;
  EXPECT_NE(
      text.find("10 tokens, 2 layers of 4 experts: 62 % of the experts served less than 14 %"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("4 none at all"), std::string::npos) << text;
  EXPECT_EQ(text.find('\033'), std::string::npos);
}

TEST(HeatMapTest, ColoursOnATerminal) {
  const std::string text = HeatMapText(Example(), {80, true});
  EXPECT_EQ(Count(text, "\033[48;5;229m"), 2u) << text;  // the cell and the legend
  EXPECT_EQ(Count(text, "\033[48;5;"), Count(text, "\033[0m"));
  EXPECT_EQ(text.find("█"), std::string::npos);
}

TEST(HeatMapTest, ManyExpertsShareColumns) {
  ExpertUse use = ExpertUse::Of(1, 128);
  use.tokens = 1;
  use.counts[127] = 1;
  const std::string text = HeatMapText(use, {58, false});
  EXPECT_NE(text.find("4 experts a column"), std::string::npos) << text;
  EXPECT_NE(text.find("    0  " + std::string(31, ' ') + "█  "), std::string::npos) << text;
  EXPECT_FALSE(HeatMapText(use, {0, false}).empty());
}

TEST(HeatMapTest, NothingCounted) {
  EXPECT_EQ(HeatMapText(ExpertUse(), {}), "No token was routed to experts yet.\n");
  EXPECT_EQ(HeatMapSvg(ExpertUse(), "t").substr(0, 4), "<svg");
  EXPECT_EQ(HeatMapSvg(ExpertUse::Of(2, 2), "t").find("nan"), std::string::npos);
}

TEST(HeatMapTest, SvgHasACellForEachExpertAndEscapesTheTitle) {
  const std::string svg = HeatMapSvg(Example(), "a<b>&c");
  EXPECT_EQ(Count(svg, "<title>"), 8u);
  EXPECT_NE(svg.find("a&lt;b&gt;&amp;c"), std::string::npos);
  EXPECT_NE(svg.find("layer 0, expert 3: 7 tokens, 70.0 %"), std::string::npos);
  EXPECT_EQ(Count(svg, "#eeeeee"), 4u);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
}

}  // namespace
}  // namespace kinglet::tools
