// Which kernels an ARM processor gets: by what it says it has, and as qemu plays it.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/cpu_info.h"
#include "core/plugin/registry.h"
#include "gtest/gtest.h"
#include "tests/support/kinglet_test.h"

namespace kinglet {
namespace {

constexpr uint64_t kNeon = KL_CPU_NEON;
constexpr uint64_t kDotprod = kNeon | KL_CPU_DOTPROD;
constexpr uint64_t kI8mm = kDotprod | KL_CPU_I8MM;

kl_tensor TensorOf(kl_dtype type, std::vector<int64_t> shape) {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = type;
  tensor.rank = static_cast<int32_t>(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) tensor.shape[d] = shape[d];
  return tensor;
}

// The plugin of this build on a processor with these features.
class Plugins {
 public:
  explicit Plugins(uint64_t features) {
    RegistryOptions options;
    options.cpu = ProbeCpu();
    options.cpu.features = features;
    options.use_plugin_folder = false;
    for (const char* name : {"reference", "sparse_arm"}) {
      options.extra_plugin_paths.push_back(TestPluginFolder() + "/" + name + "/libkinglet_" + name + ".so");
    }
    auto created = Registry::Create(options);
    EXPECT_TRUE(created.ok()) << created.status();
    if (created.ok()) registry_ = *std::move(created);
  }

  // The kernel for a product with weights of this type.
  std::string Matmul(kl_dtype weights) const {
    const kl_tensor x = TensorOf(KL_TYPE_F32, {4, 256});
    const kl_tensor w = TensorOf(weights, {64, 256});
    kl_tensor bias = {};
    bias.struct_size = sizeof bias;
    const kl_tensor y = TensorOf(KL_TYPE_F32, {4, 64});
    const kl_tensor* operands[] = {&x, &w, &bias, &y};
    kl_node node = {};
    node.struct_size = sizeof node;
    node.op = "matmul";
    node.name = "test";
    node.operands = operands;
    node.operand_count = 4;
    node.thread_count = 1;
    const auto kernel = registry_->Resolve(node);
    return kernel.ok() ? (*kernel)->name : kernel.status().ToString();
  }

  const Registry& registry() const { return *registry_; }

 private:
  std::unique_ptr<Registry> registry_;
};

TEST(ChoiceTest, TheBestLevelThatTheProcessorHas) {
  const std::map<std::string, uint64_t> levels = {{"neon", kNeon}, {"dotprod", kDotprod}, {"i8mm", kI8mm}};
  for (const auto& level : levels) {
    const Plugins plugins(level.second);
    EXPECT_EQ(plugins.Matmul(KL_TYPE_Q4_0), "matmul_q4_0_" + level.first);
    EXPECT_EQ(plugins.Matmul(KL_TYPE_Q8_0), "matmul_q8_0_" + level.first);
    EXPECT_EQ(plugins.Matmul(KL_TYPE_Q6_K), "matmul_q6_k_" + level.first);
    // No level is better at floats than NEON.
    EXPECT_EQ(plugins.Matmul(KL_TYPE_F16), "matmul_f16_neon");
  }
}

TEST(ChoiceTest, FeaturesThatNoKernelKnowsChangeNothing) {
  EXPECT_EQ(Plugins(kI8mm | KL_CPU_SVE | KL_CPU_FP16).Matmul(KL_TYPE_Q4_0), "matmul_q4_0_i8mm");
  // i8mm without dotprod: what i8mm kernels need of dotprod is missing.
  EXPECT_EQ(Plugins(kNeon | KL_CPU_I8MM).Matmul(KL_TYPE_Q4_0), "matmul_q4_0_neon");
  EXPECT_EQ(Plugins(kNeon | KL_CPU_SVE).Matmul(KL_TYPE_Q4_0), "matmul_q4_0_neon");
}

TEST(ChoiceTest, WithoutNeonTheReferenceComputes) {
  EXPECT_EQ(Plugins(0).Matmul(KL_TYPE_Q4_0).find("matmul_q4_0_"), std::string::npos);
}

// Under qemu the processor is the one that the test's name says.
TEST(ChoiceTest, ThisProcessorGetsItsLevel) {
  const char* played = getenv("QEMU_AARCH64_CPU");
  const uint64_t features = ProbeCpu().features;
  const std::string chosen = Plugins(features).Matmul(KL_TYPE_Q4_0);
  if ((features & KL_CPU_I8MM) != 0) {
    EXPECT_EQ(chosen, "matmul_q4_0_i8mm");
  } else if ((features & KL_CPU_DOTPROD) != 0) {
    EXPECT_EQ(chosen, "matmul_q4_0_dotprod");
  } else {
    EXPECT_EQ(chosen, "matmul_q4_0_neon");
  }
  if (played == nullptr) GTEST_SKIP() << "no QEMU_AARCH64_CPU says which processor this should be";
  const std::map<std::string, std::string> expected = {{"cortex-a53", "matmul_q4_0_neon"},
                                                       {"cortex-a76", "matmul_q4_0_dotprod"},
                                                       {"max", "matmul_q4_0_i8mm"}};
  ASSERT_EQ(expected.count(played), 1u) << played;
  EXPECT_EQ(chosen, expected.at(played));
}

TEST(ChoiceTest, AForcedKernelThatTheProcessorCannotRunIsRefused) {
  RegistryOptions options;
  options.cpu = ProbeCpu();
  options.cpu.features = kNeon;
  options.use_plugin_folder = false;
  options.extra_plugin_paths = {TestPluginFolder() + "/sparse_arm/libkinglet_sparse_arm.so"};
  for (const std::string level : {"dotprod", "i8mm"}) {
    options.pinned_kernels = {{"matmul", "matmul_q4_0_" + level}};
    const auto created = Registry::Create(options);
    ASSERT_FALSE(created.ok());
    const std::string message(created.status().message());
    EXPECT_NE(message.find("matmul_q4_0_" + level), std::string::npos) << message;
    EXPECT_NE(message.find("lacks"), std::string::npos) << message;
    EXPECT_NE(message.find(level), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace kinglet
