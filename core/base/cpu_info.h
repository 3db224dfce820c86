// What this machine's processor can do, and how many threads are worth starting on it.
#ifndef KINGLET_CORE_BASE_CPU_INFO_H_
#define KINGLET_CORE_BASE_CPU_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/abi/host.h"

namespace kinglet {

// Where the facts come from; tests replace both.
struct CpuSources {
  std::string root;               // before "/sys" and "/proc"
  std::vector<int> allowed_cpus;  // empty: the affinity mask of the calling thread
};

// Instruction sets (KL_CPU_*), those only whose registers the operating system saves.
// On x86 this asks the kernel for AMX, once a process; the bit is set when that is granted.
uint64_t CpuFeatures();

// All fields of kl_cpu. A size that the system does not tell is a cautious guess (32 KiB of L1,
// 256 KiB of L2), an L3 cache that it does not tell is 0; cores are counted as in
// UsableThreadCount, without the quota.
kl_cpu ProbeCpu(const CpuSources& sources = {});

// Physical big cores within the affinity mask, cut to the whole CPUs of the tightest cgroup quota
// (v1 or v2); at least 1. The default number of threads.
//
// Big: on hybrid x86, the P-cores; elsewhere those with at least 60 % of the fastest core's
// cpu_capacity or, where there is none, of its maximum frequency. An affinity mask that has small
// cores only counts those.
uint32_t UsableThreadCount(const CpuSources& sources = {});

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_CPU_INFO_H_
