// Every kernel of every plugin of this build, on every case of its operator, against the reference.
//
// The plugins come from //plugins:all through plugin_list.inc, a list of their files that the build
// writes.
#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/cpu_info.h"
#include "core/plugin/registry.h"
#include "gtest/gtest.h"
#include "tests/conformance/trial.h"

namespace kinglet {
namespace conformance {
namespace {

constexpr const char* kPluginFiles[] = {
#include "tests/conformance/plugin_list.inc"
};
constexpr char kReference[] = "reference";

// Loaded on first use and never unloaded: the trials point into its tables until the process ends.
const Registry* Plugins() {
  static const Registry* const registry = []() -> const Registry* {
    RegistryOptions options;
    options.cpu = ProbeCpu();
    options.use_plugin_folder = false;
    for (const char* file : kPluginFiles) {
      options.extra_plugin_paths.push_back(std::string("./") + file);
    }
    absl::StatusOr<std::unique_ptr<Registry>> created = Registry::Create(options);
    return created.ok() ? created->release() : nullptr;
  }();
  return registry;
}

struct KernelOfOp {
  const kl_op* op = nullptr;
  const kl_kernel* kernel = nullptr;
};

std::vector<KernelOfOp> AllKernels() {
  std::vector<KernelOfOp> all;
  if (Plugins() == nullptr) return all;
  for (const std::string& name : Plugins()->OpNames()) {
    for (const kl_kernel* kernel : Plugins()->kernels(name))
      all.push_back({Plugins()->FindOp(name), kernel});
  }
  return all;
}

// The kernel of the plugin that defines the operators; null when there is none.
const kl_kernel* OracleOf(const std::string& op) {
  for (const kl_kernel* kernel : Plugins()->kernels(op)) {
    if (Plugins()->PluginOf(kernel) == kReference) return kernel;
  }
  return nullptr;
}

std::vector<Trial> TrialsOfKernel(const KernelOfOp& entry) {
  const kl_kernel* oracle = entry.op == nullptr ? nullptr : OracleOf(entry.op->name);
  if (oracle == nullptr) return {};
  return TrialsOf(Plugins()->HostOf(entry.kernel), *entry.op, *oracle, *entry.kernel);
}

std::vector<Trial> AllTrials() {
  std::vector<Trial> all;
  for (const KernelOfOp& entry : AllKernels()) {
    const std::vector<Trial> trials = TrialsOfKernel(entry);
    all.insert(all.end(), trials.begin(), trials.end());
  }
  return all;
}

std::string TestName(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class Conformance : public testing::TestWithParam<Trial> {};

TEST_P(Conformance, AgreesWithOracle) {
  const Outcome outcome = RunTrial(GetParam());
  if (outcome.kind == Outcome::kSkipped) GTEST_SKIP() << outcome.message;
  EXPECT_TRUE(outcome.passed()) << outcome.message;
}

INSTANTIATE_TEST_SUITE_P(Kernels, Conformance, testing::ValuesIn(AllTrials()),
                         [](const testing::TestParamInfo<Trial>& info) {
                           return TestName(info.param.name);
                         });

class KernelCoverage : public testing::TestWithParam<KernelOfOp> {};

TEST_P(KernelCoverage, SupportsAtLeastOneCase) {
  const std::vector<Trial> trials = TrialsOfKernel(GetParam());
  ASSERT_FALSE(trials.empty()) << "operator " << GetParam().kernel->op
                               << " has no cases or no kernel in the plugin '" << kReference << "'";
  const uint64_t missing = GetParam().kernel->cpu_features & ~trials[0].host->cpu->features;
  if (missing != 0) GTEST_SKIP() << "this processor lacks the features 0x" << std::hex << missing;
  std::string reasons;
  for (const Trial& trial : trials) {
    const Outcome outcome = ProbeTrial(trial);
    if (outcome.passed()) return;
    reasons += "\n  " + trial.name + ": " + outcome.message;
  }
  FAIL() << GetParam().kernel->name << " is tested by no case:" << reasons;
}

INSTANTIATE_TEST_SUITE_P(Kernels, KernelCoverage, testing::ValuesIn(AllKernels()),
                         [](const testing::TestParamInfo<KernelOfOp>& info) {
                           return TestName(info.param.kernel->name);
                         });

TEST(Plugins, AllOfThisBuildAreLoaded) {
  ASSERT_NE(Plugins(), nullptr);
  for (const PluginFailure& failure : Plugins()->failures()) {
    ADD_FAILURE() << failure.path << ": " << failure.status.ToString();
  }
  EXPECT_EQ(Plugins()->plugins().size(), std::size(kPluginFiles));
}

TEST(Plugins, EveryOperatorHasCasesAndAReferenceKernel) {
  ASSERT_NE(Plugins(), nullptr);
  ASSERT_FALSE(Plugins()->OpNames().empty());
  for (const std::string& name : Plugins()->OpNames()) {
    ASSERT_NE(Plugins()->FindOp(name), nullptr) << name << " has kernels but no definition";
    EXPECT_GT(Plugins()->FindOp(name)->case_count, 0u) << name;
    EXPECT_NE(OracleOf(name), nullptr) << name;
  }
}

// Types that overlap, one priority and the same processor: the choice would be an error at run
// time.
TEST(Plugins, NoTwoKernelsTie) {
  const std::vector<KernelOfOp> all = AllKernels();
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = i + 1; j < all.size(); ++j) {
      const kl_kernel& a = *all[i].kernel;
      const kl_kernel& b = *all[j].kernel;
      if (std::string(a.op) != b.op || a.priority != b.priority ||
          a.operand_count != b.operand_count)
        continue;
      bool overlap = true;
      for (uint32_t k = 0; k < a.operand_count; ++k) {
        const kl_dtype s = a.operand_types[k], t = b.operand_types[k];
        overlap = overlap && (s == t || s == KL_TYPE_ANY || t == KL_TYPE_ANY);
      }
      EXPECT_FALSE(overlap) << a.name << " and " << b.name << " have priority " << a.priority;
    }
  }
}

}  // namespace
}  // namespace conformance
}  // namespace kinglet
