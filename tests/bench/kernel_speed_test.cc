// How fast each kernel for this processor is: against the scalar reference operator, which it has to beat, and against
// the memory roof measured in the same run. Asserts ratios only. A table goes to stdout, JSON to the test's outputs.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "core/base/cpu_info.h"
#include "core/plugin/registry.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/bench/kernel_workloads.h"
#include "tools/common/streaming_read.h"

namespace kinglet {
namespace {

constexpr const char* kPluginFiles[] = {
#include "tests/conformance/plugin_list.inc"
};

// Kernels of the plugins for an instruction set; libraries' and the reference lie below.
constexpr int32_t kOwnPriority = 100;

// What a kernel has to reach: products and attention are what vector instructions are for; the others move memory,
// where the compiler's own code for the oracle may be as good.
double LeastRatio(const std::string& op) {
  return op == "matmul" || op == "moe_ffn" || op == "attention" || op == "rms_norm" || op == "softmax" ? 2.0 : 0.8;
}

// Seconds of the fastest of several runs, about 60 ms of them.
double BestSeconds(const std::function<void()>& run, const std::function<void()>& between) {
  using Clock = std::chrono::steady_clock;
  double best = INFINITY, sum = 0;
  for (int i = 0; i < 2 || (sum < 0.06 && i < 1000); ++i) {
    if (i > 0 && between) between();
    const Clock::time_point begin = Clock::now();
    run();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::min(best, seconds);
    sum += seconds;
  }
  return best;
}

class KernelSpeedTest : public testing::Test {
 protected:
  KernelSpeedTest() {
    RegistryOptions options;
    options.cpu = ProbeCpu();
    options.use_plugin_folder = false;
    for (const char* file : kPluginFiles) options.extra_plugin_paths.push_back(std::string("./") + file);
    auto created = Registry::Create(options);
    if (created.ok()) registry_ = *std::move(created);
    features_ = options.cpu.features;
  }
  ~KernelSpeedTest() override {
    const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
    if (folder == nullptr || rows_.empty()) return;
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ofstream(std::string(folder) + "/kernels_" + name + ".json") << rows_.dump(2) << "\n";
  }
  std::vector<const kl_kernel*> OwnKernels() const {
    std::vector<const kl_kernel*> own;
    for (const std::string& op : registry_->OpNames()) {
      for (const kl_kernel* kernel : registry_->kernels(op)) {
        if (kernel->priority >= kOwnPriority && (kernel->cpu_features & ~features_) == 0) own.push_back(kernel);
      }
    }
    return own;
  }
  const kl_kernel* ReferenceOf(const std::string& op) const {
    for (const kl_kernel* kernel : registry_->kernels(op)) {
      if (registry_->PluginOf(kernel) == "reference") return kernel;
    }
    return nullptr;
  }
  // Prepares and times; the output stays in the workload. Negative: the kernel does not take it.
  static double SecondsOf(const kl_kernel* kernel, KernelWorkload* workload, uint32_t threads) {
    KernelRunner runner(kernel, workload->attributes.data(), static_cast<uint32_t>(workload->attributes.size()));
    const kl_code code = runner.Prepare(workload->operands, true);
    if (code == KL_UNSUPPORTED) return -1;
    EXPECT_EQ(code, KL_OK) << kernel->name << ": " << runner.message();
    return code == KL_OK ? BestSeconds([&] { runner.RunThreads(threads); }, workload->vary) : -1;
  }

  std::unique_ptr<Registry> registry_;
  uint64_t features_ = 0;
  nlohmann::json rows_ = nlohmann::json::array();
};

TEST_F(KernelSpeedTest, EachKernelBeatsTheReference) {
  ASSERT_NE(registry_, nullptr);
  const std::vector<const kl_kernel*> kernels = OwnKernels();
  if (kernels.empty()) GTEST_SKIP() << "no kernels of our own for this processor";
  std::printf("%-28s %-20s %10s %10s %8s\n", "kernel", "workload", "GOP/s", "reference", "ratio");
  for (const kl_kernel* kernel : kernels) {
    for (const auto& workload : WorkloadsFor(*kernel, false)) {
      const double seconds = SecondsOf(kernel, workload.get(), 1);
      if (seconds < 0) continue;
      const std::vector<float> output(workload->output(), workload->output() + workload->output_count());
      const double reference_seconds = SecondsOf(ReferenceOf(kernel->op), workload.get(), 1);
      ASSERT_GT(reference_seconds, 0) << kernel->op;
      double squares = 0, worst = 0;
      for (size_t i = 0; i < output.size(); ++i) {
        squares += std::pow(workload->output()[i], 2);
        worst = std::max(worst, std::fabs(static_cast<double>(output[i]) - workload->output()[i]));
      }
      const double rms = std::sqrt(squares / static_cast<double>(output.size()));
      // The sums are longer than in the conformance cases that the tolerance is for.
      EXPECT_LE(worst, 4 * kernel->tolerance * rms) << kernel->name << ", " << workload->name;
      const double ratio = reference_seconds / seconds;
      std::printf("%-28s %-20s %10.2f %10.2f %8.1f\n", kernel->name, workload->name.c_str(),
                  1e-9 * workload->operations / seconds, 1e-9 * workload->operations / reference_seconds, ratio);
      rows_.push_back({{"kernel", kernel->name},
                       {"workload", workload->name},
                       {"operations_per_second", workload->operations / seconds},
                       {"reference_operations_per_second", workload->operations / reference_seconds},
                       {"ratio", ratio}});
      EXPECT_GE(ratio, LeastRatio(kernel->op)) << kernel->name << ", " << workload->name;
    }
  }
}

// One token, weights beyond the caches: what counts is how fast they are read.
TEST_F(KernelSpeedTest, OneTokenAgainstTheMemoryRoof) {
  ASSERT_NE(registry_, nullptr);
  const std::vector<const kl_kernel*> kernels = OwnKernels();
  if (kernels.empty()) GTEST_SKIP() << "no kernels of our own for this processor";
  std::printf("%-28s %8s %10s %10s %8s\n", "kernel", "threads", "GB/s", "roof GB/s", "of roof");
  for (const uint32_t threads : {1u, 2u}) {
    const auto roof = tools::StreamingRead::Create(static_cast<int>(threads));
    ASSERT_NE(roof, nullptr);
    for (const kl_kernel* kernel : kernels) {
      for (const auto& workload : WorkloadsFor(*kernel, true)) {
        const double before = roof->Measure();
        const double seconds = SecondsOf(kernel, workload.get(), threads);
        if (seconds < 0) continue;
        const double roof_speed = std::max(before, roof->Measure());
        const double speed = workload->bytes / seconds;
        std::printf("%-28s %8u %10.2f %10.2f %6.1f %%%s\n", kernel->name, threads, 1e-9 * speed, 1e-9 * roof_speed,
                    100 * speed / roof_speed,
                    std::string(kernel->op) == "moe_ffn" ? "  (as if inactive neurons were read)" : "");
        rows_.push_back({{"kernel", kernel->name},
                         {"threads", threads},
                         {"bytes_per_second", speed},
                         {"roof_bytes_per_second", roof_speed},
                         {"share_of_roof", speed / roof_speed}});
        // A floor that says "this is no memory-bound kernel any more", far below what is reached when it is quiet.
        if (std::string(kernel->name).find("matmul_q4_0") == 0) {
          EXPECT_GE(speed / roof_speed, 0.4);
        }
      }
    }
  }
}

}  // namespace
}  // namespace kinglet
