// Which kernels an x86 processor gets, by what it says it has.
#include <map>
#include <string>

#include "tests/support/kernel_choice.h"

namespace kinglet {
namespace {

constexpr uint64_t kAvx2 = KL_CPU_SSE41 | KL_CPU_AVX2;
constexpr uint64_t kAvxVnni = kAvx2 | KL_CPU_AVX_VNNI;
constexpr uint64_t kAvx512 = kAvx2 | KL_CPU_AVX512;
constexpr uint64_t kAvx512Vnni = kAvx512 | KL_CPU_AVX512_VNNI;

struct Plugins : KernelChoice {
  explicit Plugins(uint64_t features) : KernelChoice(features, "sparse_x86") {}
};

TEST(ChoiceTest, TheBestLevelThatTheProcessorHas) {
  const std::map<std::string, uint64_t> levels = {
      {"avx2", kAvx2}, {"avxvnni", kAvxVnni}, {"avx512vnni", kAvx512Vnni | KL_CPU_AVX_VNNI}};
  for (const auto& level : levels) {
    const Plugins plugins(level.second);
    EXPECT_EQ(plugins.Matmul(KL_TYPE_Q4_0), "matmul_q4_0_" + level.first);
    EXPECT_EQ(plugins.Matmul(KL_TYPE_Q8_0), "matmul_q8_0_" + level.first);
    EXPECT_EQ(plugins.Matmul(KL_TYPE_Q6_K), "matmul_q6_k_" + level.first);
  }
}

TEST(ChoiceTest, FloatsNeedNoVnni) {
  EXPECT_EQ(Plugins(kAvxVnni).Matmul(KL_TYPE_F16), "matmul_f16_avx2");
  EXPECT_EQ(Plugins(kAvx512).Matmul(KL_TYPE_F16), "matmul_f16_avx512");
  EXPECT_EQ(Plugins(kAvx512Vnni).Matmul(KL_TYPE_F16), "matmul_f16_avx512");
}

TEST(ChoiceTest, PartsOfALevelAreNotEnough) {
  EXPECT_EQ(Plugins(kAvx512).Matmul(KL_TYPE_Q4_0), "matmul_q4_0_avx2");
  EXPECT_EQ(Plugins(kAvx2 | KL_CPU_AVX512_VNNI).Matmul(KL_TYPE_Q4_0), "matmul_q4_0_avx2");
}

TEST(ChoiceTest, WithoutAvx2TheReferenceComputes) {
  EXPECT_EQ(Plugins(KL_CPU_SSE41).Matmul(KL_TYPE_Q4_0).find("matmul_q4_0_"), std::string::npos);
}

TEST(ChoiceTest, AForcedKernelThatTheProcessorCannotRunIsRefused) {
  ExpectPinnedIsRefused(kAvx2, "sparse_x86", "matmul_q4_0_avxvnni", "avx_vnni");
  ExpectPinnedIsRefused(kAvxVnni, "sparse_x86", "matmul_q4_0_avx512vnni", "avx512_vnni");
  ExpectPinnedIsRefused(kAvx512, "sparse_x86", "matmul_q4_0_avx512vnni", "avx512_vnni");
}

}  // namespace
}  // namespace kinglet
