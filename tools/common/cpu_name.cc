#include "tools/common/cpu_name.h"

#include <fstream>

#include "absl/strings/ascii.h"

namespace kinglet::tools {

std::string CpuName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, 10, "model name") != 0) continue;
    return std::string(absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)));
  }
  return "";
}

}  // namespace kinglet::tools
