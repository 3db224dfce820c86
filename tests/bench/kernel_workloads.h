// What kernels are timed on: SmallThinker-4B's shapes, with random data.
#ifndef TESTS_BENCH_KERNEL_WORKLOADS_H_
#define TESTS_BENCH_KERNEL_WORKLOADS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/abi/kernel.h"
#include "plugins/sparse_x86/kernel_runner.h"

namespace kinglet {

// Operands of one node and the memory behind them. Not copyable: tensors point into it.
struct KernelWorkload {
  std::string name;  // "1 token"
  std::vector<kl_attribute> attributes;
  std::vector<kl_tensor> operands;
  std::vector<std::unique_ptr<AlignedBytes>> storage;
  double bytes = 0;       // of weights or cache, read once a run
  double operations = 0;  // multiplications and additions
  std::function<void()> vary;  // before another run, so that it reads other weights; may be empty

  const float* output() const { return static_cast<const float*>(operands.back().data); }
  int64_t output_count() const { return kl_element_count(&operands.back()); }
};

// The workloads for a kernel: an operator's on the types that the kernel declares. Empty for an
// operator that is not timed. `large`: weights beyond the last-level cache, one token, where the
// operator has weights; else small ones, which the scalar oracle can compute too.
std::vector<std::unique_ptr<KernelWorkload>> WorkloadsFor(const kl_kernel& kernel, bool large);

}  // namespace kinglet

#endif  // TESTS_BENCH_KERNEL_WORKLOADS_H_
