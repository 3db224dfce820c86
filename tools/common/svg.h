// Pieces of SVG pictures.
#ifndef KINGLET_TOOLS_COMMON_SVG_H_
#define KINGLET_TOOLS_COMMON_SVG_H_

#include <string>

namespace kinglet::tools {

// The beginning of a document with a white background; it ends with "</svg>\n".
std::string SvgBegin(double width, double height);
// anchor: "start", "middle", "end". The text is escaped.
void SvgText(std::string* svg, double x, double y, const char* anchor, const std::string& text);
void SvgLine(std::string* svg, double x0, double y0, double x1, double y1, const char* colour);
std::string SvgEscaped(const std::string& text);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_SVG_H_
