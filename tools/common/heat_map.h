// How often each expert of each layer was chosen, as a picture: for terminals and as SVG.
#ifndef KINGLET_TOOLS_COMMON_HEAT_MAP_H_
#define KINGLET_TOOLS_COMMON_HEAT_MAP_H_

#include <cstddef>
#include <string>

#include "tools/common/expert_use.h"

namespace kinglet::tools {

struct HeatMapStyle {
  size_t columns = 100;  // of the terminal
  bool colour = false;   // ANSI colours; without them shades of grey in UTF-8
};

// What suits the file that a descriptor writes to: colours on a terminal that has them (NO_COLOR,
// TERM=dumb), as wide as it is.
HeatMapStyle HeatMapStyleOf(int descriptor);

// A row for each layer, with how many of its experts were used, and the part of the tokens that the
// busiest quarter of them took; then what that means for a cache. More experts than fit beside each
// other share columns, which then show the busiest of them. Ends with a newline; says so when no
// token was counted.
std::string HeatMapText(const ExpertUse& use, const HeatMapStyle& style);

// A complete SVG document; a tooltip on each cell.
std::string HeatMapSvg(const ExpertUse& use, const std::string& title);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_HEAT_MAP_H_
