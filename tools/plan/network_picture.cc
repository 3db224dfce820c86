// The picture of an arena over time.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/common/svg.h"
#include "tools/plan/network_report.h"

namespace kinglet::tools {
namespace {

constexpr double kWidth = 960, kHeight = 480;
constexpr double kLeft = 80, kRight = 20, kTop = 50, kBottom = 50;
constexpr const char* kScratchColour = "#999999";
constexpr const char* kPatchColour = "#56b4e9";
constexpr const char* kLayerColour = "#0072b2";
constexpr const char* kLimitColour = "#d55e00";

const char* ColourOf(const NetworkBlock& block) {
  if (absl::StartsWith(block.name, "scratch of ")) return kScratchColour;
  return absl::StrContains(block.name, " patch ") ? kPatchColour : kLayerColour;
}

void Rectangle(std::string* svg, double x, double y, double width, double height,
               const char* colour, const std::string& title) {
  absl::StrAppendFormat(svg,
                        "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\" "
                        "stroke=\"white\" stroke-width=\"0.3\"><title>%s</title></rect>\n",
                        x, y, width, height, colour, SvgEscaped(title));
}

}  // namespace

std::string SvgOf(const NetworkReport& report) {
  const kl_network_memory& m = report.memory;
  const double nodes = std::max<double>(1, m.node_count);
  const double most =
      static_cast<double>(std::max<uint64_t>({m.arena_bytes, report.limit_bytes, 1})) * 1.02;
  const auto x = [&](double node) { return kLeft + node / nodes * (kWidth - kLeft - kRight); };
  const auto y = [&](double bytes) {
    return kHeight - kBottom - bytes / most * (kHeight - kTop - kBottom);
  };
  std::string svg = SvgBegin(kWidth, kHeight);
  SvgText(&svg, kLeft, 20, "start",
          absl::StrFormat("%s: arena of %.1f KiB", report.path,
                          static_cast<double>(m.arena_bytes) / 1024));
  const bool patches = m.patch_rows * m.patch_columns > 1;
  SvgText(&svg, kLeft, 38, "start",
          patches ? absl::StrCat("light: ", m.patch_rows, " x ", m.patch_columns,
                                 " patches of the first ", m.stage_node_count,
                                 " nodes; grey: kernels' scratch")
                  : "layer by layer; grey: kernels' scratch");
  for (const NetworkBlock& block : report.blocks) {
    const double last = std::min<double>(block.last_node, nodes - 1);
    if (block.first_node > last) continue;
    const double top = y(static_cast<double>(block.offset + block.bytes));
    Rectangle(&svg, x(block.first_node), top, x(last + 1) - x(block.first_node),
              y(static_cast<double>(block.offset)) - top, ColourOf(block),
              absl::StrCat(block.name, ": ", block.bytes, " bytes at ", block.offset, ", nodes ",
                           block.first_node, " to ", block.last_node));
  }
  for (int i = 0; i <= 4; ++i) {
    const double bytes = static_cast<double>(m.arena_bytes) * i / 4;
    SvgText(&svg, kLeft - 8, y(bytes) + 4, "end", absl::StrFormat("%.1f KiB", bytes / 1024));
  }
  SvgLine(&svg, kLeft, y(static_cast<double>(m.arena_bytes)), kWidth - kRight,
          y(static_cast<double>(m.arena_bytes)), "#333");
  if (report.limit_bytes > 0) {
    const double at = y(static_cast<double>(report.limit_bytes));
    SvgLine(&svg, kLeft, at, kWidth - kRight, at, kLimitColour);
    SvgText(&svg, kWidth - kRight, at - 5, "end", "limit");
  }
  SvgLine(&svg, kLeft, y(0), kLeft, kTop, "#333");
  SvgLine(&svg, kLeft, y(0), kWidth - kRight, y(0), "#333");
  SvgText(&svg, (kLeft + kWidth - kRight) / 2, kHeight - 14, "middle",
          absl::StrCat("time: ", m.node_count, " nodes, one after the other"));
  return svg + "</svg>\n";
}

}  // namespace kinglet::tools
