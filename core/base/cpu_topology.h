// The parts that UsableThreadCount and ProbeCpu are made of. For core/base only.
#ifndef KINGLET_CORE_BASE_CPU_TOPOLOGY_H_
#define KINGLET_CORE_BASE_CPU_TOPOLOGY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/cpu_info.h"

namespace kinglet {

// The first line of a small file of /sys or /proc; nothing when it cannot be read.
std::optional<std::string> ReadFirstLine(const std::string& path);

// Physical big cores within the affinity mask; at least 1.
uint32_t BigCoreCount(const CpuSources& sources);

// Processors' worth of time in each period that the tightest cgroup around this process grants;
// nothing when there is no limit.
std::optional<double> CgroupCpuQuota(const std::string& root);

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_CPU_TOPOLOGY_H_
