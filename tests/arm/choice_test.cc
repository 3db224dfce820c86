// Which kernels an ARM processor gets: by what it says it has, and as qemu plays it.
#include <map>
#include <string>

#include "tests/support/kernel_choice.h"

namespace kinglet {
namespace {

constexpr uint64_t kNeon = KL_CPU_NEON;
constexpr uint64_t kDotprod = kNeon | KL_CPU_DOTPROD;
constexpr uint64_t kI8mm = kDotprod | KL_CPU_I8MM;

// The plugin of this build on a processor with these features.
struct Plugins : KernelChoice {
  explicit Plugins(uint64_t features) : KernelChoice(features, "sparse_arm") {}
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

// The one with SVE is `max`, the one without dotprod Cortex-A53.
TEST(ChoiceTest, QemuPlaysProcessorsWithAndWithoutDotprodAndSve) {
  const char* played = getenv("QEMU_AARCH64_CPU");
  if (played == nullptr) GTEST_SKIP() << "no QEMU_AARCH64_CPU says which processor this should be";
  const uint64_t features = ProbeCpu().features;
  EXPECT_EQ((features & KL_CPU_DOTPROD) != 0, std::string(played) != "cortex-a53");
  EXPECT_EQ((features & KL_CPU_SVE) != 0, std::string(played) == "max");
}

TEST(ChoiceTest, AForcedKernelThatTheProcessorCannotRunIsRefused) {
  const uint64_t here = ProbeCpu().features;
  const std::map<std::string, uint64_t> levels = {{"dotprod", KL_CPU_DOTPROD}, {"i8mm", KL_CPU_I8MM}};
  for (const auto& level : levels) {
    const std::string kernel = "matmul_q4_0_" + level.first;
    ExpectPinnedIsRefused(kNeon, "sparse_arm", kernel, level.first);
    if ((here & level.second) == 0) ExpectPinnedIsRefused(here, "sparse_arm", kernel, level.first);
  }
}

}  // namespace
}  // namespace kinglet
