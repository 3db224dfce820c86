// The kernels of plugins/sparse_x86 or plugins/sparse_arm, whichever this build has, for tests of
// what holds for each of them.
#ifndef TESTS_KERNELS_SPARSE_KERNELS_H_
#define TESTS_KERNELS_SPARSE_KERNELS_H_

#include <string>
#include <vector>

#include "core/abi/kernel.h"
#include "gtest/gtest.h"

namespace kinglet {

// Sorted by name; those that this processor cannot run are among them. The plugin stays loaded
// until the process ends. Empty when it could not be loaded.
std::vector<const kl_kernel*> SparseKernels(const std::string& op);

// As above, but only those with (or without) `part` in their name.
std::vector<const kl_kernel*> SparseKernelsWith(const std::string& op, const std::string& part);
std::vector<const kl_kernel*> SparseKernelsWithout(const std::string& op,
                                                   const std::vector<std::string>& parts);

bool CpuRuns(const kl_kernel& kernel);

inline std::string NameOfKernel(const testing::TestParamInfo<const kl_kernel*>& info) {
  return info.param->name;
}

}  // namespace kinglet

#define KL_SKIP_WHAT_THE_PROCESSOR_LACKS(kernel) \
  if (!::kinglet::CpuRuns(kernel)) GTEST_SKIP() << "this processor cannot run " << (kernel).name

#endif  // TESTS_KERNELS_SPARSE_KERNELS_H_
