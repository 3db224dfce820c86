// The picture of a sweep.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "tools/common/format.h"
#include "tools/common/svg.h"
#include "tools/plan/report.h"

namespace kinglet::tools {
namespace {

constexpr double kWidth = 720, kHeight = 440;
constexpr double kLeft = 60, kRight = 30, kTop = 50, kBottom = 60;
constexpr const char* kSpeedColour = "#0072b2";
constexpr const char* kKneeColour = "#d55e00";

// 1, 2 or 5 times a power of ten: about five of them make up `most`.
double Step(double most) {
  const double rough = std::max(most, 1e-9) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power) return factor * power;
  }
  return 10 * power;
}

}  // namespace

std::string SvgOf(const PlanReport& report) {
  double most_budget = 1, most_speed = 1e-3;
  for (const Prediction& p : report.points) {
    most_budget = std::max(most_budget, static_cast<double>(p.budget_bytes));
    most_speed = std::max(most_speed, p.tokens_per_second());
  }
  most_speed *= 1.1;
  const auto x = [&](double bytes) {
    return kLeft + bytes / most_budget * (kWidth - kLeft - kRight);
  };
  const auto y = [&](double speed) {
    return kHeight - kBottom - speed / most_speed * (kHeight - kTop - kBottom);
  };
  std::string svg = SvgBegin(kWidth, kHeight);
  SvgText(
      &svg, kLeft, 20, "start",
      absl::StrFormat("Predicted tokens per second: %s, %d threads", report.model, report.threads));
  SvgText(&svg, kLeft, 38, "start", report.routing);
  for (double v = 0; v <= most_speed; v += Step(most_speed)) {
    SvgLine(&svg, kLeft, y(v), kWidth - kRight, y(v), "#ddd");
    SvgText(&svg, kLeft - 8, y(v) + 4, "end", absl::StrFormat("%g", v));
  }
  constexpr double kGiB = 1 << 30;
  for (double v = 0; v <= most_budget / kGiB; v += Step(most_budget / kGiB)) {
    SvgText(&svg, x(v * kGiB), y(0) + 20, "middle", absl::StrFormat("%g GiB", v));
  }
  SvgLine(&svg, kLeft, y(0), kLeft, kTop, "#333");
  SvgLine(&svg, kLeft, y(0), kWidth - kRight, y(0), "#333");
  SvgText(&svg, (kLeft + kWidth - kRight) / 2, kHeight - 14, "middle", "memory budget");
  std::string line;
  for (const Prediction& p : report.points) {
    absl::StrAppendFormat(&line, "%.1f,%.1f ", x(static_cast<double>(p.budget_bytes)),
                          y(p.tokens_per_second()));
  }
  absl::StrAppendFormat(
      &svg, "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", line,
      kSpeedColour);
  for (size_t i = 0; i < report.points.size(); ++i) {
    const Prediction& p = report.points[i];
    const bool knee = i == report.knee && report.points.size() > 2;
    const double at = x(static_cast<double>(p.budget_bytes));
    absl::StrAppendFormat(&svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"/>\n", at,
                          y(p.tokens_per_second()), knee ? 6 : 3,
                          knee ? kKneeColour : kSpeedColour);
    if (!knee) continue;
    SvgLine(&svg, at, y(0), at, y(p.tokens_per_second()), kKneeColour);
    SvgText(&svg, at + 10, y(p.tokens_per_second()) + 18, "start",
            absl::StrFormat("knee: %s, %.1f tokens/s", FormatBytes(p.budget_bytes),
                            p.tokens_per_second()));
  }
  return svg + "</svg>\n";
}

}  // namespace kinglet::tools
