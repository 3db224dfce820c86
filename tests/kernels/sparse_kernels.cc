#include "tests/kernels/sparse_kernels.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/cpu_info.h"
#include "core/plugin/registry.h"

namespace kinglet {
namespace {

#if defined(__aarch64__)
constexpr char kPluginFile[] = "./plugins/sparse_arm/libkinglet_sparse_arm.so";
#else
constexpr char kPluginFile[] = "./plugins/sparse_x86/libkinglet_sparse_x86.so";
#endif

const Registry* Plugins() {
  static const Registry* const registry = []() -> const Registry* {
    RegistryOptions options;
    options.cpu = ProbeCpu();
    options.use_plugin_folder = false;
    options.extra_plugin_paths = {kPluginFile};
    auto created = Registry::Create(options);
    return created.ok() ? created->release() : nullptr;
  }();
  return registry;
}

bool HasPart(const kl_kernel& kernel, const std::string& part) {
  return std::string(kernel.name).find(part) != std::string::npos;
}

}  // namespace

std::vector<const kl_kernel*> SparseKernels(const std::string& op) {
  return Plugins() == nullptr ? std::vector<const kl_kernel*>() : Plugins()->kernels(op);
}

std::vector<const kl_kernel*> SparseKernelsWith(const std::string& op, const std::string& part) {
  std::vector<const kl_kernel*> kernels = SparseKernels(op);
  kernels.erase(std::remove_if(kernels.begin(), kernels.end(),
                               [&](const kl_kernel* kernel) { return !HasPart(*kernel, part); }),
                kernels.end());
  return kernels;
}

std::vector<const kl_kernel*> SparseKernelsWithout(const std::string& op,
                                                   const std::vector<std::string>& parts) {
  std::vector<const kl_kernel*> kernels = SparseKernels(op);
  kernels.erase(std::remove_if(kernels.begin(), kernels.end(),
                               [&](const kl_kernel* kernel) {
                                 return std::any_of(parts.begin(), parts.end(),
                                                    [&](const std::string& part) {
                                                      return HasPart(*kernel, part);
                                                    });
                               }),
                kernels.end());
  return kernels;
}

bool CpuRuns(const kl_kernel& kernel) {
  static const uint64_t features = ProbeCpu().features;
  return (kernel.cpu_features & ~features) == 0;
}

}  // namespace kinglet
