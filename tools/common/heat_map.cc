#include "tools/common/heat_map.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace kinglet::tools {
namespace {

// From little to much. 256-colour numbers, dark violet to yellow: they rise in lightness as well.
constexpr int kColours[] = {53, 54, 90, 126, 162, 203, 209, 215, 221, 229};
constexpr const char* kShades[] = {"\xe2\x96\x91", "\xe2\x96\x92", "\xe2\x96\x93", "\xe2\x96\x88"};
constexpr size_t kMargin = 26;  // columns for the layer's number and its figures
// The paper: 70 to 80 % of a SmallThinker's experts are active for less than this part of the
// tokens.
constexpr double kSeldom = 0.14;

constexpr int kCellWidth = 14, kCellHeight = 14, kLeft = 50, kTop = 58, kRight = 20, kBottom = 46;

double MostShare(const ExpertUse& use) {
  double most = 0;
  for (uint32_t layer = 0; layer < use.layers; ++layer) {
    for (uint32_t e = 0; e < use.experts; ++e) most = std::max(most, use.Share(layer, e));
  }
  return most;
}

// 0 for never, then 1..levels.
int LevelOf(double share, double most, int levels) {
  if (share <= 0) return 0;
  return std::clamp(1 + static_cast<int>(share / most * levels), 1, levels);
}

void AppendCell(double share, double most, bool colour, size_t width, std::string* line) {
  if (colour) {
    const int level = LevelOf(share, most, static_cast<int>(std::size(kColours)));
    const std::string blank(width, ' ');
    if (level == 0) {
      absl::StrAppend(line, blank);
    } else {
      absl::StrAppendFormat(line, "\033[48;5;%dm%s\033[0m", kColours[level - 1], blank);
    }
    return;
  }
  const int level = LevelOf(share, most, static_cast<int>(std::size(kShades)));
  for (size_t i = 0; i < width; ++i) line->append(level == 0 ? " " : kShades[level - 1]);
}

// Part of a layer's choices that went to its busiest quarter.
double BusiestQuarter(const ExpertUse& use, uint32_t layer, uint32_t* used) {
  std::vector<uint64_t> counts(use.counts.begin() + std::ptrdiff_t{layer} * use.experts,
                               use.counts.begin() + std::ptrdiff_t{layer + 1} * use.experts);
  std::sort(counts.rbegin(), counts.rend());
  uint64_t all = 0, busy = 0;
  *used = 0;
  for (uint32_t e = 0; e < use.experts; ++e) {
    all += counts[e];
    if (e < (use.experts + 3) / 4) busy += counts[e];
    *used += counts[e] > 0;
  }
  return all == 0 ? 0 : static_cast<double>(busy) / static_cast<double>(all);
}

std::string Summary(const ExpertUse& use) {
  uint64_t never = 0, seldom = 0;
  for (uint32_t layer = 0; layer < use.layers; ++layer) {
    for (uint32_t e = 0; e < use.experts; ++e) {
      never += use.count(layer, e) == 0;
      seldom += use.Share(layer, e) < kSeldom;
    }
  }
  const uint64_t all = uint64_t{use.layers} * use.experts;
  return absl::StrFormat(
      "%d tokens, %d layers of %d experts: %.0f %% of the experts served less than %.0f %% of the "
      "tokens, %d none at all",
      use.tokens, use.layers, use.experts,
      100.0 * static_cast<double>(seldom) / static_cast<double>(all), 100 * kSeldom, never);
}

// Violet to yellow, by way of red: 0..1.
std::string ColourOf(double part) {
  constexpr double kStops[][3] = {
      {35, 12, 76}, {140, 41, 129}, {222, 73, 104}, {254, 159, 109}, {252, 253, 191}};
  const double at = std::clamp(part, 0.0, 1.0) * (std::size(kStops) - 1);
  const size_t stop = std::min<size_t>(static_cast<size_t>(at), std::size(kStops) - 2);
  const double rest = at - static_cast<double>(stop);
  int rgb[3];
  for (int i = 0; i < 3; ++i) {
    rgb[i] = static_cast<int>(kStops[stop][i] + rest * (kStops[stop + 1][i] - kStops[stop][i]));
  }
  return absl::StrFormat("#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
}

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

}  // namespace

HeatMapStyle HeatMapStyleOf(int descriptor) {
  HeatMapStyle style;
  if (isatty(descriptor) != 1) return style;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  style.colour = (no_colour == nullptr || no_colour[0] == '\0') && terminal != nullptr &&
                 std::string(terminal) != "dumb";
  winsize size = {};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.columns = size.ws_col;
  return style;
}

std::string HeatMapText(const ExpertUse& use, const HeatMapStyle& style) {
  if (use.tokens == 0) return "No token was routed to experts yet.\n";
  const double most = MostShare(use);
  const size_t space = std::max<size_t>(8, style.columns - std::min(style.columns, kMargin));
  const size_t folded = (use.experts + space - 1) / space;  // experts of a column
  const size_t width = folded == 1 && size_t{use.experts} * 2 <= space ? 2 : 1;
  const size_t shown = (use.experts + folded - 1) / folded;
  std::string text =
      absl::StrFormat("layer  %-*s  used  top 1/4\n", static_cast<int>(shown * width),
                      folded == 1 ? "" : absl::StrCat(folded, " experts a column"));
  for (uint32_t layer = 0; layer < use.layers; ++layer) {
    std::string line = absl::StrFormat("%5d  ", layer);
    for (size_t column = 0; column < shown; ++column) {
      double share = 0;
      const size_t end = std::min<size_t>(use.experts, (column + 1) * folded);
      for (size_t e = column * folded; e < end; ++e) {
        share = std::max(share, use.Share(layer, static_cast<uint32_t>(e)));
      }
      AppendCell(share, most, style.colour, width, &line);
    }
    uint32_t used = 0;
    const double busy = BusiestQuarter(use, layer, &used);
    absl::StrAppendFormat(&text, "%s  %4d  %5.0f %%\n", line, used, 100 * busy);
  }
  std::string legend = "       ";
  for (const double part : {0.1, 0.4, 0.7, 1.0}) {
    AppendCell(part * most, most, style.colour, 2, &legend);
    absl::StrAppendFormat(&legend, " %.0f %%   ", 100 * part * most);
  }
  absl::StrAppend(&text, legend, "of the tokens; blank: never\n", Summary(use), "\n");
  return text;
}

std::string HeatMapSvg(const ExpertUse& use, const std::string& title) {
  const double most = std::max(1e-9, MostShare(use));
  const int width =
      std::max(640, kLeft + kRight + kCellWidth * static_cast<int>(std::max(1u, use.experts)));
  const int height = kTop + kBottom + kCellHeight * static_cast<int>(std::max(1u, use.layers));
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
      "font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
      "<text x=\"%d\" y=\"20\" font-size=\"14\">%s</text>\n<text x=\"%d\" y=\"38\">%s</text>\n",
      width, height, kLeft, Escaped(title), kLeft,
      use.tokens == 0 ? "no tokens" : Escaped(Summary(use)));
  for (uint32_t layer = 0; layer < use.layers; ++layer) {
    const int y = kTop + kCellHeight * static_cast<int>(layer);
    absl::StrAppendFormat(&svg, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%d</text>\n",
                          kLeft - 6, y + kCellHeight - 3, layer);
    for (uint32_t e = 0; e < use.experts; ++e) {
      const double share = use.Share(layer, e);
      absl::StrAppendFormat(
          &svg,
          "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"><title>layer %d, expert "
          "%d: %d tokens, %.1f %%</title></rect>\n",
          kLeft + kCellWidth * static_cast<int>(e), y, kCellWidth - 1, kCellHeight - 1,
          share <= 0 ? "#eeeeee" : ColourOf(share / most), layer, e, use.count(layer, e),
          100 * share);
    }
  }
  const int y = height - 28;
  for (int i = 0; i < 100; ++i) {
    absl::StrAppendFormat(&svg, "<rect x=\"%d\" y=\"%d\" width=\"3\" height=\"10\" fill=\"%s\"/>\n",
                          kLeft + 2 * i, y, ColourOf(i / 99.0));
  }
  absl::StrAppendFormat(&svg,
                        "<text x=\"%d\" y=\"%d\">0 to %.0f %% of the tokens chose it; grey: none. "
                        "Rows are layers, columns experts</text>\n",
                        kLeft + 212, y + 10, 100 * most);
  return svg + "</svg>\n";
}

}  // namespace kinglet::tools
