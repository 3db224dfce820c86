#include "tools/plan/report.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace kinglet::tools {
namespace {

PlanReport Example() {
  PlanReport report;
  report.model = "smallthinker <4B> & more";
  report.path = "m.gguf";
  report.threads = 2;
  report.context = 80;
  report.routing = "made routing";
  report.has_speeds = report.sweep = true;
  report.speeds.reads = {{1, 2e6, 2e6}};
  for (uint64_t i = 1; i <= 4; ++i) {
    Prediction point;
    point.budget_bytes = i << 28;
    point.memory.streamed = i < 4;
    point.memory.slot_count = 10 * i;
    point.memory.expert_count = 40;
    point.hit_rate = 0.25 * static_cast<double>(i);
    point.compute_ns = 1e8 / static_cast<double>(i);
    report.points.push_back(point);
  }
  report.knee = 1;
  return report;
}

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(PlanReportTest, ASweepHasARowForEachBudgetAndMarksTheKnee) {
  const std::string text = TextOf(Example());
  EXPECT_NE(text.find("| 512.00 MiB | 20 of 40 | 50.0 % | 20.0 |"), std::string::npos) << text;
  EXPECT_NE(text.find("| 1.00 GiB | all |"), std::string::npos) << text;
  EXPECT_EQ(CountOf(text, "knee"), 1u);
}

TEST(PlanReportTest, JsonHoldsWhatTheTableShows) {
  const auto json = nlohmann::json::parse(JsonOf(Example()));
  ASSERT_EQ(json["points"].size(), 4u);
  EXPECT_EQ(json["points"][1]["knee"], true);
  EXPECT_EQ(json["points"][2]["knee"], false);
  EXPECT_EQ(json["points"][2]["expert_slots"], 30);
  EXPECT_DOUBLE_EQ(json["points"][3]["tokens_per_second"], 40);
  EXPECT_EQ(json["probe"]["reads"][0]["together"], 1);
}

TEST(PlanReportTest, SvgIsWholeEscapedAndMarksTheKnee) {
  const std::string svg = SvgOf(Example());
  EXPECT_EQ(svg.find("<svg xmlns"), 0u);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  EXPECT_NE(svg.find("smallthinker &lt;4B&gt; &amp; more"), std::string::npos);
  EXPECT_EQ(CountOf(svg, "<circle"), 4u);
  EXPECT_EQ(CountOf(svg, "knee: "), 1u);
  EXPECT_EQ(CountOf(svg, "<text"), CountOf(svg, "</text>"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(PlanReportTest, OneBudgetIsSpelledOut) {
  PlanReport report = Example();
  report.sweep = false;
  report.points.resize(1);
  const std::string text = TextOf(report);
  EXPECT_NE(text.find("experts"), std::string::npos);
  EXPECT_NE(text.find("10.0: 100.0 ms computing"), std::string::npos) << text;
}

}  // namespace
}  // namespace kinglet::tools
