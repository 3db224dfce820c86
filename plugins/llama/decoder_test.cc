#include <cmath>
#include <limits>

#include "plugins/common/table.h"
#include "tests/support/architecture_test.h"

extern "C" {
extern const kl_table kl_table_llama_arch_llama;
extern const kl_table kl_table_llama_arch_qwen2;
extern const kl_table kl_table_llama_arch_qwen3;
extern const kl_table kl_table_llama_arch_qwen3moe;
}

namespace kinglet {
namespace {

using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;

constexpr int64_t kDim = 64;
constexpr int64_t kFfn = 48;
constexpr int64_t kExperts = 4;

class DecoderTest : public ArchitectureTest {
 protected:
  explicit DecoderTest(const kl_architecture* architecture = kl_table_llama_arch_llama.architecture)
      : ArchitectureTest(architecture) {
    Set("block_count", int64_t{2});
    Set("embedding_length", kDim);
    Set("attention.head_count", int64_t{4});
    Set("attention.head_count_kv", int64_t{2});
    Set("feed_forward_length", kFfn);
    Set("context_length", int64_t{2048});
    AddTensor("token_embd.weight", {50, kDim});
    AddTensor("output_norm.weight", {kDim});
    for (int l = 0; l < 2; ++l) {
      const std::string layer = "blk." + std::to_string(l) + ".";
      AddTensor(layer + "attn_norm.weight", {kDim});
      AddTensor(layer + "attn_q.weight", {64, kDim});
      AddTensor(layer + "attn_k.weight", {32, kDim});
      AddTensor(layer + "attn_v.weight", {32, kDim});
      AddTensor(layer + "attn_output.weight", {kDim, 64});
      AddTensor(layer + "ffn_norm.weight", {kDim});
      AddTensor(layer + "ffn_gate.weight", {kFfn, kDim});
      AddTensor(layer + "ffn_up.weight", {kFfn, kDim});
      AddTensor(layer + "ffn_down.weight", {kDim, kFfn});
    }
  }
  void MakeMixture() {
    Set("expert_count", kExperts);
    Set("expert_used_count", int64_t{2});
    for (int l = 0; l < 2; ++l) {
      const std::string layer = "blk." + std::to_string(l) + ".";
      AddTensor(layer + "ffn_gate_inp.weight", {kExperts, kDim});
      AddTensor(layer + "ffn_gate_exps.weight", {kExperts, kFfn, kDim});
      AddTensor(layer + "ffn_up_exps.weight", {kExperts, kFfn, kDim});
      AddTensor(layer + "ffn_down_exps.weight", {kExperts, kDim, kFfn});
    }
  }
  struct Rope {
    double scale, magnitude, base;
    int64_t interleaved;
    std::vector<float> factors;
  };
  // Of the keys of layer 1.
  Rope BuiltRope() {
    const auto plan = Build();
    EXPECT_TRUE(plan.ok()) << plan.status();
    if (!plan.ok()) return {};
    const PlanNode* rope = Find(*plan, "blk.1.k_rope");
    const kl_node node = Attributes(*rope);
    EXPECT_EQ(kl_attribute_int(&node, "head_length", 0), 16);
    return {kl_attribute_float(&node, "scale", 0), kl_attribute_float(&node, "magnitude", 0),
            kl_attribute_float(&node, "base", 0), kl_attribute_int(&node, "interleaved", -1),
            rope->operands[2] == KL_NO_VALUE ? std::vector<float>() : Floats(*plan, rope->operands[2])};
  }
};

TEST_F(DecoderTest, PlainModelHasPlainRotation) {
  const Rope rope = BuiltRope();
  EXPECT_EQ(rope.scale, 1.0);
  EXPECT_EQ(rope.magnitude, 1.0);
  EXPECT_EQ(rope.base, 10000.0);
  EXPECT_EQ(rope.interleaved, 1);
  EXPECT_TRUE(rope.factors.empty());
}

TEST_F(DecoderTest, LinearScalingDividesPositions) {
  Set("rope.scaling.type", std::string("linear"));
  Set("rope.scaling.factor", 4.0);
  EXPECT_EQ(BuiltRope().scale, 0.25);
}

TEST_F(DecoderTest, FactorWithoutATypeIsLinear) {
  Set("rope.scaling.factor", 4.0);
  EXPECT_EQ(BuiltRope().scale, 0.25);
  Remove("rope.scaling.factor");
  Set("rope.scale_linear", 2.0);
  EXPECT_EQ(BuiltRope().scale, 0.5);
  Set("rope.scaling.type", std::string("none"));
  EXPECT_EQ(BuiltRope().scale, 1.0);
}

// The published rule in Python, for 16 rotary dimensions, base 10000, factor 8, low 1, high 4 and 128 tokens of original
// context: pairs 0 and 1 are kept, 2 lies between, the others are stretched in full.
TEST_F(DecoderTest, Llama3ScalingGivesThePublishedFactors) {
  Set("rope.scaling.type", std::string("llama3"));
  Set("rope.scaling.factor", 8.0);
  Set("rope.scaling.low_freq_factor", 1.0);
  Set("rope.scaling.high_freq_factor", 4.0);
  Set("rope.scaling.original_context_length", int64_t{128});
  const Rope rope = BuiltRope();
  EXPECT_THAT(rope.factors, Pointwise(FloatNear(1e-5f), {1.0f, 1.0f, 2.33911679f, 8.0f, 8.0f, 8.0f, 8.0f, 8.0f}));
  EXPECT_EQ(rope.scale, 1.0);
  EXPECT_EQ(rope.magnitude, 1.0);
}

// arXiv 2309.00071 in Python, for 16 rotary dimensions, base 10000, factor 4, 2048 tokens of original context, 32 and 1
// turns: the ramp goes from pair 2 to pair 6.
TEST_F(DecoderTest, YarnScalingGivesThePublishedFactorsAndTemperature) {
  Set("rope.scaling.type", std::string("yarn"));
  Set("rope.scaling.factor", 4.0);
  Set("rope.scaling.original_context_length", int64_t{2048});
  const Rope rope = BuiltRope();
  EXPECT_THAT(rope.factors,
              Pointwise(FloatNear(1e-5f), {1.0f, 1.0f, 1.0f, 1.23076923f, 1.6f, 2.28571429f, 4.0f, 4.0f}));
  EXPECT_NEAR(rope.magnitude, 1.138629436, 1e-9);
  EXPECT_EQ(rope.scale, 1.0);
}

TEST_F(DecoderTest, YarnThatDoesNotStretchLeavesTheTemperature) {
  Set("rope.scaling.type", std::string("yarn"));
  Set("rope.scaling.factor", 0.5);
  EXPECT_EQ(BuiltRope().magnitude, 1.0);
}

TEST_F(DecoderTest, FactorsOfTheFileAreUsedAsTheyAre) {
  AddTensor("rope_freqs.weight", {8});
  const auto plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->values[Find(*plan, "blk.0.q_rope")->operands[2]].name, "rope_freqs.weight");
}

TEST_F(DecoderTest, UnknownScalingNamesTheKnownOnes) {
  Set("rope.scaling.type", std::string("longrope"));
  EXPECT_THAT(Refusal(), HasSubstr("\"longrope\"; known are none, linear, llama3, yarn"));
}

TEST_F(DecoderTest, ScalingFactorsThatAreNoFactorsAreRefused) {
  Set("rope.scaling.type", std::string("linear"));
  for (double factor : {0.0, -2.0, std::nan(""), static_cast<double>(INFINITY)}) {
    Set("rope.scaling.factor", factor);
    EXPECT_THAT(Refusal(), HasSubstr("rope.scaling.factor")) << factor;
  }
}

TEST_F(DecoderTest, BaseAndEpsilonMustBePositive) {
  for (const char* key : {"rope.freq_base", "attention.layer_norm_rms_epsilon"}) {
    for (double wrong : {0.0, -1.0, std::nan("")}) {
      Set(key, wrong);
      EXPECT_THAT(Refusal(), HasSubstr(key)) << wrong;
    }
    Remove(key);
  }
}

TEST_F(DecoderTest, MissingKeysAreNamed) {
  for (const char* key :
       {"block_count", "embedding_length", "attention.head_count", "feed_forward_length", "context_length"}) {
    const MetadataValue kept = *source_.metadata.Find(std::string("llama.") + key);
    Remove(key);
    EXPECT_THAT(Refusal(), HasSubstr(std::string("llama.") + key + ": expected a whole number"));
    Set(key, kept);
  }
  EXPECT_TRUE(Build().ok());
}

TEST_F(DecoderTest, HeadsThatDoNotDivideAreRefused) {
  Set("attention.head_count_kv", int64_t{3});
  EXPECT_THAT(Refusal(), HasSubstr("head_count_kv is 3, which does not divide head_count, 4"));
}

TEST_F(DecoderTest, ArrayOfEqualNumbersIsANumber) {
  Set("attention.head_count_kv", std::vector<int64_t>{2, 2});
  EXPECT_TRUE(Build().ok()) << Build().status();
}

TEST_F(DecoderTest, ArrayOfUnlikeNumbersIsRefused) {
  Set("attention.head_count_kv", std::vector<int64_t>{2, 4});
  EXPECT_THAT(Refusal(), HasSubstr("head_count_kv"));
  EXPECT_THAT(Refusal(), HasSubstr("differ from layer to layer"));
}

TEST_F(DecoderTest, ValueOfAnotherKindIsRefusedNotIgnored) {
  Set("attention.head_count_kv", std::string("two"));
  EXPECT_THAT(Refusal(), HasSubstr("a value of another kind"));
}

TEST_F(DecoderTest, RotaryLengthMustBeEvenAndFitTheHead) {
  for (int64_t wrong : {3, 18}) {
    Set("rope.dimension_count", wrong);
    EXPECT_THAT(Refusal(), HasSubstr("rope.dimension_count is " + std::to_string(wrong)));
  }
}

TEST_F(DecoderTest, HostileNumbersAreRefusedByTheirKey) {
  MakeMixture();
  // With these a table of factors for a giant head would be computed before any shape is looked at.
  Set("rope.scaling.type", std::string("llama3"));
  Set("attention.key_length", int64_t{16});
  Set("attention.sliding_window", int64_t{0});
  Set("rope.dimension_count", int64_t{16});
  Set("expert_feed_forward_length", kFfn);
  for (const char* key :
       {"block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "attention.key_length",
        "attention.sliding_window", "rope.dimension_count", "context_length", "expert_count", "expert_used_count",
        "expert_feed_forward_length"}) {
    const MetadataValue kept = *source_.metadata.Find(std::string("llama.") + key);
    for (int64_t hostile : {int64_t{-1}, int64_t{1} << 31, int64_t{1} << 62, std::numeric_limits<int64_t>::min()}) {
      Set(key, hostile);
      EXPECT_THAT(Refusal(), HasSubstr(key)) << hostile;
    }
    Set(key, kept);
  }
  EXPECT_TRUE(Build().ok());
}

TEST_F(DecoderTest, GiantHeadsWithoutAKeyLengthAreRefusedToo) {
  Set("embedding_length", int64_t{2147483646});
  Set("attention.head_count", int64_t{1});
  Set("attention.head_count_kv", int64_t{1});
  Set("rope.scaling.type", std::string("llama3"));
  EXPECT_THAT(Refusal(), HasSubstr("gives heads of 2147483646 elements"));
}

TEST_F(DecoderTest, MixtureRoutesBySoftmax) {
  MakeMixture();
  const auto plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  const kl_node route = Attributes(*Find(*plan, "blk.1.ffn_route"));
  EXPECT_STREQ(kl_attribute_string(&route, "gating", ""), "softmax");
  EXPECT_EQ(kl_attribute_int(&route, "normalise", 0), 1);
  EXPECT_EQ(Find(*plan, "blk.1.ffn_gate"), nullptr);
  EXPECT_EQ(plan->facts.expert_used_count, 2);
}

TEST_F(DecoderTest, WeightsOfExpertsStayUnnormalisedWhereTheFileSaysSo) {
  MakeMixture();
  Set("expert_weights_norm", false);
  const auto plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  const kl_node route = Attributes(*Find(*plan, "blk.0.ffn_route"));
  EXPECT_EQ(kl_attribute_int(&route, "normalise", -1), 0);
}

class Qwen2Test : public DecoderTest {
 protected:
  Qwen2Test() : DecoderTest(kl_table_llama_arch_qwen2.architecture) {}
};

TEST_F(Qwen2Test, BiasesOfTheFileAreUsedAndRotationIsByHalves) {
  AddTensor("blk.1.attn_k.bias", {32});
  EXPECT_EQ(BuiltRope().interleaved, 0);
  const auto plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->values[Find(*plan, "blk.1.attn_k")->operands[2]].name, "blk.1.attn_k.bias");
  EXPECT_EQ(Find(*plan, "blk.0.attn_k")->operands[2], KL_NO_VALUE);
}

class Qwen3Test : public DecoderTest {
 protected:
  Qwen3Test() : DecoderTest(kl_table_llama_arch_qwen3.architecture) {}
};

TEST_F(Qwen3Test, EachHeadIsNormalisedBeforeItIsRotated) {
  EXPECT_THAT(Refusal(), HasSubstr("blk.0.attn_q_norm.weight is missing"));
  for (const char* name : {"blk.0.attn_q_norm", "blk.0.attn_k_norm", "blk.1.attn_q_norm", "blk.1.attn_k_norm"}) {
    AddTensor(std::string(name) + ".weight", {16});
  }
  const auto plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(Find(*plan, "blk.1.k_rope")->operands[0], Find(*plan, "blk.1.attn_k_norm")->operands.back());
}

TEST(FamilyTest, EveryMemberHasItsName) {
  EXPECT_STREQ(kl_table_llama_arch_llama.architecture->name, "llama");
  EXPECT_STREQ(kl_table_llama_arch_qwen2.architecture->name, "qwen2");
  EXPECT_STREQ(kl_table_llama_arch_qwen3.architecture->name, "qwen3");
  EXPECT_STREQ(kl_table_llama_arch_qwen3moe.architecture->name, "qwen3moe");
}

}  // namespace
}  // namespace kinglet
