#include "core/base/cpu_topology.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kinglet {
namespace {

constexpr double kBigShare = 0.6;

struct LogicalCpu {
  int id = 0;
  std::string core;    // equal for the hardware threads of one core
  double speed = 0.0;  // comparable within one machine; 0: not known
};

std::optional<double> ReadNumber(const std::string& path) {
  const std::optional<std::string> line = ReadFirstLine(path);
  double number = 0;
  if (!line.has_value() || !absl::SimpleAtod(*line, &number)) return std::nullopt;
  return number;
}

// "0-3,8,10-11"; parts that are no numbers are left out.
std::set<int> ParseCpuList(const std::string& text) {
  std::set<int> cpus;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> range =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first = 0, last = 0;
    if (!absl::SimpleAtoi(range.first, &first)) continue;
    if (!absl::SimpleAtoi(range.second, &last)) last = first;
    constexpr int kMostCpus = 1 << 16;
    for (int cpu = first; cpu <= std::min(last, kMostCpus); cpu++) cpus.insert(cpu);
  }
  return cpus;
}

std::vector<int> AffinityMask() {
  std::vector<int> cpus;
  // The kernel refuses a set that is smaller than its own; no machine has more than this.
  constexpr int kMostCpus = 8192;
  cpu_set_t* set = CPU_ALLOC(kMostCpus);
  if (set == nullptr) return cpus;
  const size_t bytes = CPU_ALLOC_SIZE(kMostCpus);
  CPU_ZERO_S(bytes, set);
  if (sched_getaffinity(0, bytes, set) == 0) {
    for (int cpu = 0; cpu < kMostCpus; cpu++) {
      if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(cpu);
    }
  }
  CPU_FREE(set);
  return cpus;
}

LogicalCpu Describe(const std::string& root, int id) {
  LogicalCpu cpu;
  cpu.id = id;
  const std::string folder = absl::StrCat(root, "/sys/devices/system/cpu/cpu", id);
  std::optional<std::string> siblings = ReadFirstLine(folder + "/topology/core_cpus_list");
  if (!siblings.has_value()) siblings = ReadFirstLine(folder + "/topology/thread_siblings_list");
  cpu.core = siblings.value_or(absl::StrCat(id));
  std::optional<double> speed = ReadNumber(folder + "/cpu_capacity");
  if (!speed.has_value()) speed = ReadNumber(folder + "/cpufreq/cpuinfo_max_freq");
  cpu.speed = speed.value_or(0.0);
  return cpu;
}

// Leaves the big ones; all when there is nothing to tell them by.
void KeepBig(const std::string& root, std::vector<LogicalCpu>* cpus) {
  const std::optional<std::string> performance = ReadFirstLine(root + "/sys/devices/cpu_core/cpus");
  std::vector<LogicalCpu> big;
  if (performance.has_value()) {
    const std::set<int> listed = ParseCpuList(*performance);
    for (const LogicalCpu& cpu : *cpus) {
      if (listed.count(cpu.id) != 0) big.push_back(cpu);
    }
  } else {
    double fastest = 0;
    for (const LogicalCpu& cpu : *cpus) fastest = std::max(fastest, cpu.speed);
    for (const LogicalCpu& cpu : *cpus) {
      if (cpu.speed >= kBigShare * fastest) big.push_back(cpu);
    }
  }
  if (!big.empty()) *cpus = std::move(big);
}

// The tightest limit from `group` up to the mount's root. A container often sees a path that only
// exists outside of it: folders that are not there set no limit.
template <typename ReadQuota>
std::optional<double> TightestQuota(const std::string& mount, std::string group,
                                    ReadQuota read_quota) {
  std::optional<double> tightest;
  while (true) {
    const std::optional<double> quota = read_quota(mount + group);
    if (quota.has_value()) tightest = std::min(tightest.value_or(*quota), *quota);
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos || group.empty()) return tightest;
    group.resize(slash);
  }
}

// cgroup v2: "200000 100000", or "max 100000".
std::optional<double> UnifiedQuota(const std::string& folder) {
  const std::optional<std::string> line = ReadFirstLine(folder + "/cpu.max");
  if (!line.has_value()) return std::nullopt;
  const std::pair<std::string, std::string> parts = absl::StrSplit(*line, absl::MaxSplits(' ', 1));
  double quota = 0, period = 0;
  if (!absl::SimpleAtod(parts.first, &quota) || !absl::SimpleAtod(parts.second, &period)) {
    return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

// cgroup v1: a quota of -1 is no limit.
std::optional<double> LegacyQuota(const std::string& folder) {
  const std::optional<double> quota = ReadNumber(folder + "/cpu.cfs_quota_us");
  const std::optional<double> period = ReadNumber(folder + "/cpu.cfs_period_us");
  if (!quota.has_value() || !period.has_value() || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

}  // namespace

std::optional<std::string> ReadFirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) return std::nullopt;
  return line;
}

uint32_t BigCoreCount(const CpuSources& sources) {
  const std::vector<int> allowed =
      sources.allowed_cpus.empty() ? AffinityMask() : sources.allowed_cpus;
  std::vector<LogicalCpu> cpus;
  for (int id : allowed) cpus.push_back(Describe(sources.root, id));
  KeepBig(sources.root, &cpus);
  std::set<std::string> cores;
  for (const LogicalCpu& cpu : cpus) cores.insert(cpu.core);
  return std::max<uint32_t>(1, static_cast<uint32_t>(cores.size()));
}

std::optional<double> CgroupCpuQuota(const std::string& root) {
  std::ifstream groups(root + "/proc/self/cgroup");
  std::optional<double> tightest;
  std::string line;
  while (std::getline(groups, line)) {
    // "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers.
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    const std::string group = fields[2] == "/" ? "" : fields[2];
    std::optional<double> quota;
    if (fields[0] == "0" && fields[1].empty()) {
      quota = TightestQuota(root + "/sys/fs/cgroup", group, UnifiedQuota);
    } else {
      const std::vector<std::string> controllers = absl::StrSplit(fields[1], ',');
      if (std::find(controllers.begin(), controllers.end(), "cpu") == controllers.end()) continue;
      quota = TightestQuota(root + "/sys/fs/cgroup/" + fields[1], group, LegacyQuota);
      if (!quota.has_value())
        quota = TightestQuota(root + "/sys/fs/cgroup/cpu", group, LegacyQuota);
    }
    if (quota.has_value()) tightest = std::min(tightest.value_or(*quota), *quota);
  }
  return tightest;
}

}  // namespace kinglet
