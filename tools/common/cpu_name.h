// What the processor calls itself.
#ifndef KINGLET_TOOLS_COMMON_CPU_NAME_H_
#define KINGLET_TOOLS_COMMON_CPU_NAME_H_

#include <string>

namespace kinglet::tools {

// "AMD Ryzen 7 5800X 8-Core Processor"; empty where the system does not say.
std::string CpuName();

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_CPU_NAME_H_
