#include "core/plugin/resolver.h"

#include <algorithm>

#include "core/abi/error.h"
#include "core/base/status.h"
#include "core/plugin/sample_kernels.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

bool Contains(const absl::Status& status, absl::string_view text) {
  return status.message().find(text) != absl::string_view::npos;
}

class ResolverTest : public testing::Test {
 protected:
  const kl_kernel* Choose(const std::vector<const kl_kernel*>& kernels,
                          absl::string_view pinned = "") {
    std::vector<KernelCandidate> candidates;
    for (const kl_kernel* kernel : kernels) candidates.push_back({kernel, "p"});
    const auto chosen = ChooseKernel(node_, candidates, cpu_features_, pinned);
    status_ = chosen.status();
    // The order in which plugins were loaded must not matter.
    std::reverse(candidates.begin(), candidates.end());
    const auto again = ChooseKernel(node_, candidates, cpu_features_, pinned);
    EXPECT_EQ(again.status().code(), status_.code());
    EXPECT_EQ(chosen.ok() ? *chosen : nullptr, again.ok() ? *again : nullptr);
    return chosen.ok() ? *chosen : nullptr;
  }

  SampleNode node_{{KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32}};
  uint64_t cpu_features_ = KL_CPU_AVX2;
  absl::Status status_;
};

TEST_F(ResolverTest, TheHighestPriorityWins) {
  const kl_kernel low = SampleKernel("low", 0), high = SampleKernel("high", 50);
  EXPECT_EQ(Choose({&low, &high}), &high);
}

TEST_F(ResolverTest, AKernelForAnotherProcessorIsPassedOver) {
  kl_kernel wide = SampleKernel("wide", 110);
  wide.cpu_features = KL_CPU_AVX2 | KL_CPU_AVX512;
  const kl_kernel plain = SampleKernel("plain", 0);
  EXPECT_EQ(Choose({&wide, &plain}), &plain);
  EXPECT_EQ(Choose({&wide}), nullptr);
  EXPECT_TRUE(Contains(status_, "this processor lacks avx512")) << status_;
  EXPECT_EQ(CodeFromStatus(status_), KL_UNSUPPORTED);
}

TEST_F(ResolverTest, TypesHaveToFitAndAnyFitsAll) {
  static const kl_dtype kHalf[] = {KL_TYPE_F32, KL_TYPE_F16, KL_TYPE_F32};
  static const kl_dtype kAny[] = {KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY};
  kl_kernel half = SampleKernel("half", 100), any = SampleKernel("any", 0);
  half.operand_types = kHalf;
  any.operand_types = kAny;
  EXPECT_EQ(Choose({&half, &any}), &any);
  EXPECT_EQ(Choose({&half}), nullptr);
  EXPECT_TRUE(Contains(status_, "operand 1 must be f16, not f32")) << status_;
}

TEST_F(ResolverTest, AnAbsentOperandFitsNoneAndAny) {
  SampleNode node({KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_NONE});
  static const kl_dtype kAny[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY};
  kl_kernel optional = SampleKernel("optional", 0), required = SampleKernel("required", 10);
  optional.operand_types = kAny;
  const auto chosen = ChooseKernel(node, {{&optional, "p"}, {&required, "p"}}, 0, "");
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_EQ(*chosen, &optional);
}

TEST_F(ResolverTest, ATieIsAnErrorThatNamesBoth) {
  const kl_kernel a = SampleKernel("a", 50), b = SampleKernel("b", 50), c = SampleKernel("c", 0);
  EXPECT_EQ(Choose({&c, &a, &b}), nullptr);
  EXPECT_EQ(CodeFromStatus(status_), KL_FAILED_PRECONDITION);
  EXPECT_TRUE(Contains(status_, "a (plugin p, priority 50)")) << status_;
  EXPECT_TRUE(Contains(status_, "b (plugin p, priority 50)")) << status_;
}

TEST_F(ResolverTest, ATieBelowTheChosenKernelIsNone) {
  const kl_kernel a = SampleKernel("a", 50), b = SampleKernel("b", 50), top = SampleKernel("t", 51);
  EXPECT_EQ(Choose({&a, &top, &b}), &top);
}

TEST_F(ResolverTest, AKernelThatDeclinesMakesRoomForTheNext) {
  kl_kernel picky = SampleKernel("picky", 50);
  picky.supports = [](const kl_node*, kl_error* error) {
    return kl_fail(error, KL_UNSUPPORTED, "only shapes of 16");
  };
  const kl_kernel plain = SampleKernel("plain", 0), equal = SampleKernel("equal", 50);
  EXPECT_EQ(Choose({&picky, &plain}), &plain);
  EXPECT_EQ(Choose({&picky, &equal}), &equal);  // no tie: only one of them takes the node
  EXPECT_EQ(Choose({&picky}), nullptr);
  EXPECT_TRUE(Contains(status_, "only shapes of 16")) << status_;
}

TEST_F(ResolverTest, AnErrorOfSupportsIsPassedOn) {
  kl_kernel broken = SampleKernel("broken", 50);
  broken.supports = [](const kl_node*, kl_error* error) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "attribute eps is missing");
  };
  const kl_kernel plain = SampleKernel("plain", 0);
  EXPECT_EQ(Choose({&broken, &plain}), nullptr);
  EXPECT_EQ(CodeFromStatus(status_), KL_INVALID_ARGUMENT);
  EXPECT_TRUE(Contains(status_, "attribute eps is missing")) << status_;
  EXPECT_TRUE(Contains(status_, "blk.0.sum")) << status_;
}

TEST_F(ResolverTest, APinnedKernelIsTheOnlyOneLookedAt) {
  const kl_kernel low = SampleKernel("low", 0), high = SampleKernel("high", 50);
  EXPECT_EQ(Choose({&low, &high}, "low"), &low);
  EXPECT_EQ(Choose({&low, &high}, "none"), nullptr);
  EXPECT_TRUE(Contains(status_, "no kernel named none, which is pinned")) << status_;
}

TEST_F(ResolverTest, NoCandidateAtAllSaysSo) {
  EXPECT_EQ(Choose({}), nullptr);
  EXPECT_TRUE(Contains(status_, "There is no candidate")) << status_;
  EXPECT_TRUE(Contains(status_, "test_sum(f32[2,3], f32[2,3], f32[2,3])")) << status_;
}

TEST(CpuFeatureNamesTest, NamesKnownAndUnknownBits) {
  EXPECT_EQ(CpuFeatureNames(KL_CPU_AVX2 | KL_CPU_DOTPROD), "avx2, dotprod");
  EXPECT_EQ(CpuFeatureNames(1ull << 63), "features 0x8000000000000000");
}

}  // namespace
}  // namespace kinglet
