// Every kernel of plugins/sparse_arm gives the bits of its counterpart in plugins/sparse_x86, on the
// cases of its operator.
//
// equal_bits.txt has a line for each kernel, "<name without instruction set>__<case> <digest>", which
// x86-64 (AVX2) wrote: FNV-1a of all outputs and states. On x86-64 the test holds that plugin to the
// same list. A line that is missing or wrong is printed as it should be.
#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/cpu_info.h"
#include "core/plugin/registry.h"
#include "gtest/gtest.h"
#include "tests/conformance/prepared_kernel.h"
#include "tests/conformance/trial.h"
#include "tests/conformance/workload.h"
#include "tests/support/kinglet_test.h"

namespace kinglet {
namespace conformance {
namespace {

#if defined(__aarch64__)
constexpr char kPlugin[] = "sparse_arm";
constexpr bool kEveryKernelIsListed = true;
#else
constexpr char kPlugin[] = "sparse_x86";
constexpr bool kEveryKernelIsListed = false;  // it has operators that ARM lacks
#endif

uint64_t Digest(uint64_t hash, const void* bytes, uint64_t count) {
  const uint8_t* p = static_cast<const uint8_t*>(bytes);
  for (uint64_t i = 0; i < count; ++i) hash = (hash ^ p[i]) * 1099511628211ull;
  return hash;
}
constexpr uint64_t kEmptyDigest = 1469598103934665603ull;

// Kept until the process ends: trials point into the plugins' tables.
const Registry* Plugins() {
  static const Registry* const registry = []() -> const Registry* {
    RegistryOptions options;
    options.cpu = ProbeCpu();
    options.use_plugin_folder = false;
    for (const char* name : {"reference", kPlugin}) {
      options.extra_plugin_paths.push_back(TestPluginFolder() + "/" + name + "/libkinglet_" + name + ".so");
    }
    absl::StatusOr<std::unique_ptr<Registry>> created = Registry::Create(options);
    return created.ok() ? created->release() : nullptr;
  }();
  return registry;
}

std::vector<const kl_kernel*> KernelsOfPlugin() {
  std::vector<const kl_kernel*> all;
  if (Plugins() == nullptr) return all;
  for (const std::string& op : Plugins()->OpNames()) {
    for (const kl_kernel* kernel : Plugins()->kernels(op)) {
      if (Plugins()->PluginOf(kernel) == kPlugin) all.push_back(kernel);
    }
  }
  return all;
}

const std::map<std::string, std::string>& List() {
  static const auto* const list = [] {
    auto* lines = new std::map<std::string, std::string>;
    std::ifstream file("tests/arm/equal_bits.txt");
    for (std::string key, digest; file >> key >> digest;) (*lines)[key] = digest;
    return lines;
  }();
  return *list;
}

// "matmul_q4_0_dotprod" -> "matmul_q4_0"
std::string Stem(const std::string& name) { return name.substr(0, name.rfind('_')); }

// Skipped where processor or case do not fit.
Outcome DigestOf(const Trial& trial, const std::string& key, uint64_t* digest) {
  std::vector<kl_dtype> types;
  KL_RETURN_UNLESS_PASSED(ResolveTypes(*trial.op, *trial.kernel, *trial.op_case, trial.any_type, &types));
  const uint64_t seed = Digest(kEmptyDigest, key.data(), key.size());
  Workload workload;
  KL_RETURN_UNLESS_PASSED(DrawWorkload(*trial.op, *trial.op_case, types, seed, &workload));
  std::unique_ptr<PreparedKernel> kernel;
  KL_RETURN_UNLESS_PASSED(PreparedKernel::Create(trial.host, *trial.kernel, workload, {}, &kernel));
  const Workload run = workload.Fresh();
  KL_RETURN_UNLESS_PASSED(kernel->Run(run, Split::kAtOnce));
  *digest = kEmptyDigest;
  for (const WorkloadOperand& operand : run.operands) {
    if (operand.buffer == nullptr || operand.role == KL_OPERAND_INPUT) continue;
    *digest = Digest(*digest, operand.buffer->data(), operand.buffer->bytes());
  }
  return Outcome::Passed();
}

class EqualBits : public testing::TestWithParam<const kl_kernel*> {};

TEST_P(EqualBits, OnX86AndArm) {
  const kl_kernel& kernel = *GetParam();
  const kl_host* host = Plugins()->HostOf(&kernel);
  if ((kernel.cpu_features & ~host->cpu->features) != 0) GTEST_SKIP() << "this processor lacks features";
  int checked = 0;
  for (const Trial& trial : TrialsOf(host, *Plugins()->FindOp(kernel.op), kernel, kernel)) {
    const std::string key = Stem(kernel.name) + trial.name.substr(std::string(kernel.name).size());
    uint64_t digest = 0;
    const Outcome outcome = DigestOf(trial, key, &digest);
    if (outcome.kind == Outcome::kSkipped) continue;
    ASSERT_TRUE(outcome.passed()) << trial.name << ": " << outcome.message;
    char text[20];
    snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
    const auto line = List().find(key);
    if (line == List().end()) {
      EXPECT_FALSE(kEveryKernelIsListed) << "tests/arm/equal_bits.txt has no line\n" << key << " " << text;
      continue;
    }
    EXPECT_EQ(text, line->second) << "tests/arm/equal_bits.txt should say\n" << key << " " << text;
    ++checked;
  }
  if (checked == 0 && !kEveryKernelIsListed) GTEST_SKIP() << "ARM has no counterpart";
  EXPECT_GT(checked, 0);
}

INSTANTIATE_TEST_SUITE_P(Kernels, EqualBits, testing::ValuesIn(KernelsOfPlugin()),
                         [](const testing::TestParamInfo<const kl_kernel*>& info) { return std::string(info.param->name); });

TEST(EqualBitsList, IsThere) {
  ASSERT_NE(Plugins(), nullptr);
  EXPECT_GT(List().size(), 100u) << "tests/arm/equal_bits.txt";
}

}  // namespace
}  // namespace conformance
}  // namespace kinglet
