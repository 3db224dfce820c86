// The choice of a kernel for a node: a pure function of the candidates, never of their order.
#ifndef KINGLET_CORE_PLUGIN_RESOLVER_H_
#define KINGLET_CORE_PLUGIN_RESOLVER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/abi/kernel.h"

namespace kinglet {

struct KernelCandidate {
  const kl_kernel* kernel = nullptr;
  std::string plugin;  // for messages
};

// Names of KL_CPU_* bits: "avx2, avx512"; unknown bits by number.
std::string CpuFeatureNames(uint64_t features);

// Picks among the kernels of the node's operator:
//
//   1. those whose cpu_features are in `cpu_features` and whose operand types fit the node's
//   2. by priority, the highest first: those whose supports() takes the node
//   3. one left: it is chosen. More than one of equal priority: an error that names them.
//
// `pinned`, when not empty, is the only kernel that is looked at.
// Errors: KL_UNSUPPORTED with every candidate and why it does not fit; KL_FAILED_PRECONDITION for a
// tie; what supports() itself reports other than KL_UNSUPPORTED.
absl::StatusOr<const kl_kernel*> ChooseKernel(const kl_node& node,
                                              const std::vector<KernelCandidate>& candidates,
                                              uint64_t cpu_features, absl::string_view pinned);

}  // namespace kinglet

#endif  // KINGLET_CORE_PLUGIN_RESOLVER_H_
