#include "core/base/cpu_info.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/cpu_topology.h"

namespace kinglet {
namespace {

struct Caches {
  uint64_t l1d_bytes = 0;
  uint64_t l2_bytes = 0;
  uint64_t l3_bytes = 0;
  uint32_t line_bytes = 0;
};

// "512K", "32M".
uint64_t ParseSize(std::string text) {
  uint64_t unit = 1;
  if (!text.empty() && text.back() == 'K') unit = 1024;
  if (!text.empty() && text.back() == 'M') unit = 1024 * 1024;
  if (unit != 1) text.pop_back();
  uint32_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number * unit : 0;
}

// Those of `cpu`.
Caches ReadCaches(const std::string& root, int cpu) {
  Caches caches;
  for (int index = 0; index < 8; index++) {
    const std::string folder =
        absl::StrCat(root, "/sys/devices/system/cpu/cpu", cpu, "/cache/index", index);
    const std::optional<std::string> level = ReadFirstLine(folder + "/level");
    const std::optional<std::string> size = ReadFirstLine(folder + "/size");
    if (!level.has_value() || !size.has_value()) continue;
    if (ReadFirstLine(folder + "/type").value_or("") == "Instruction") continue;
    const uint64_t bytes = ParseSize(*size);
    if (*level == "1") caches.l1d_bytes = bytes;
    if (*level == "2") caches.l2_bytes = bytes;
    if (*level == "3") caches.l3_bytes = bytes;
    const std::string line = ReadFirstLine(folder + "/coherency_line_size").value_or("");
    uint32_t line_bytes = 0;
    if (absl::SimpleAtoi(line, &line_bytes)) caches.line_bytes = line_bytes;
  }
  return caches;
}

// What the C library knows (from cpuid, on x86); -1 and 0 both mean that it knows nothing.
uint64_t FromSystem(int name) { return static_cast<uint64_t>(std::max<long>(0, sysconf(name))); }

}  // namespace

kl_cpu ProbeCpu(const CpuSources& sources) {
  Caches caches =
      ReadCaches(sources.root, sources.allowed_cpus.empty() ? 0 : sources.allowed_cpus[0]);
  if (caches.l1d_bytes == 0) {
    caches.l1d_bytes = FromSystem(_SC_LEVEL1_DCACHE_SIZE);
    caches.l2_bytes = FromSystem(_SC_LEVEL2_CACHE_SIZE);
    caches.l3_bytes = FromSystem(_SC_LEVEL3_CACHE_SIZE);
    caches.line_bytes = static_cast<uint32_t>(FromSystem(_SC_LEVEL1_DCACHE_LINESIZE));
  }
  kl_cpu cpu = {};
  cpu.struct_size = sizeof cpu;
  cpu.physical_core_count = BigCoreCount(sources);
  cpu.features = CpuFeatures();
  cpu.l1d_bytes = caches.l1d_bytes != 0 ? caches.l1d_bytes : 32 * 1024;
  cpu.l2_bytes = caches.l2_bytes != 0 ? caches.l2_bytes : 256 * 1024;
  cpu.l3_bytes = caches.l3_bytes;
  cpu.cache_line_bytes = caches.line_bytes != 0 ? caches.line_bytes : 64;
  return cpu;
}

uint32_t UsableThreadCount(const CpuSources& sources) {
  const uint32_t cores = BigCoreCount(sources);
  const std::optional<double> quota = CgroupCpuQuota(sources.root);
  if (!quota.has_value() || *quota >= cores) return cores;
  return std::max<uint32_t>(1, static_cast<uint32_t>(std::floor(*quota)));
}

}  // namespace kinglet
