#include <limits>

#include "plugins/common/table.h"
#include "tests/support/architecture_test.h"

extern "C" {
extern const kl_table kl_table_smallthinker_arch_smallthinker;
}

namespace kinglet {
namespace {

using testing::HasSubstr;

constexpr int64_t kLayers = 6;
constexpr int64_t kDim = 32;
constexpr int64_t kFfn = 16;
constexpr int64_t kExperts = 4;

class SmallThinkerTest : public ArchitectureTest {
 protected:
  SmallThinkerTest() : ArchitectureTest(kl_table_smallthinker_arch_smallthinker.architecture) {
    Set("block_count", kLayers);
    Set("embedding_length", kDim);
    Set("attention.head_count", int64_t{4});
    Set("attention.head_count_kv", int64_t{2});
    Set("attention.key_length", int64_t{8});
    Set("attention.sliding_window", int64_t{10});
    Set("expert_count", kExperts);
    Set("expert_used_count", int64_t{2});
    Set("expert_feed_forward_length", kFfn);
    Set("expert_gating_func", int64_t{2});
    Set("context_length", int64_t{128});
    AddTensor("token_embd.weight", {50, kDim});
    AddTensor("output_norm.weight", {kDim});
    for (int64_t l = 0; l < kLayers; ++l) {
      const std::string layer = "blk." + std::to_string(l) + ".";
      AddTensor(layer + "attn_norm.weight", {kDim});
      AddTensor(layer + "attn_q.weight", {32, kDim});
      AddTensor(layer + "attn_k.weight", {16, kDim});
      AddTensor(layer + "attn_v.weight", {16, kDim});
      AddTensor(layer + "attn_output.weight", {kDim, 32});
      AddTensor(layer + "ffn_norm.weight", {kDim});
      AddTensor(layer + "ffn_gate_inp.weight", {kExperts, kDim});
      AddTensor(layer + "ffn_gate_exps.weight", {kExperts, kFfn, kDim});
      AddTensor(layer + "ffn_up_exps.weight", {kExperts, kFfn, kDim});
      AddTensor(layer + "ffn_down_exps.weight", {kExperts, kDim, kFfn});
    }
  }
  // A letter a layer: R rotary and full, S rotary and sliding, n neither, s sliding without rotation.
  std::string Layout() {
    const auto plan = Build();
    EXPECT_TRUE(plan.ok()) << plan.status();
    std::string text;
    for (int64_t l = 0; plan.ok() && l < kLayers; ++l) {
      const std::string layer = "blk." + std::to_string(l) + ".";
      const bool rope = Find(*plan, layer + "q_rope") != nullptr;
      EXPECT_EQ(rope, Find(*plan, layer + "k_rope") != nullptr);
      const PlanNode* attention = Find(*plan, layer + "attention");
      const kl_node node = Attributes(*attention);
      const int64_t window = kl_attribute_int(&node, "window", -1);
      EXPECT_EQ(window, plan->values[attention->operands[4]].cache.window);
      EXPECT_TRUE(window == 0 || window == 10) << window;
      text += window > 0 ? (rope ? 'S' : 's') : (rope ? 'R' : 'n');
    }
    return text;
  }
};

TEST_F(SmallThinkerTest, WindowWithoutLayoutMeansPeriodFour) { EXPECT_EQ(Layout(), "nSSSnS"); }

TEST_F(SmallThinkerTest, WithoutAWindowAllLayersRotate) {
  Remove("attention.sliding_window");
  EXPECT_EQ(Layout(), "RRRRRR");
  Set("attention.sliding_window", int64_t{0});
  EXPECT_EQ(Layout(), "RRRRRR");
}

TEST_F(SmallThinkerTest, ArraysDecideEachLayer) {
  Set("rope_layout", std::vector<int64_t>{1, 0, 1, 0, 1, 0});
  Set("sliding_window_layout", std::vector<int64_t>{0, 0, 1, 1, 1, 0});
  EXPECT_EQ(Layout(), "RnSsSn");
}

TEST_F(SmallThinkerTest, ArrayOfTheWrongLengthIsRefused) {
  Set("rope_layout", std::vector<int64_t>{1, 0, 1});
  Set("sliding_window_layout", std::vector<int64_t>{0, 0, 1, 1, 1, 0});
  EXPECT_THAT(Refusal(), HasSubstr("rope_layout has 3 entries"));
}

TEST_F(SmallThinkerTest, OneArrayWithoutTheOtherIsRefused) {
  Set("rope_layout", std::vector<int64_t>(kLayers, 1));
  EXPECT_THAT(Refusal(), HasSubstr("sliding_window_layout 0"));
}

TEST_F(SmallThinkerTest, LayerThatSlidesNeedsAWindow) {
  Remove("attention.sliding_window");
  Set("rope_layout", std::vector<int64_t>(kLayers, 1));
  Set("sliding_window_layout", std::vector<int64_t>{0, 0, 1, 0, 0, 0});
  EXPECT_THAT(Refusal(), HasSubstr("layer 2 slides"));
}

TEST_F(SmallThinkerTest, RouterReadsTheLayersRawInput) {
  const auto plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  const kl_value before = Find(*plan, "blk.1.ffn_residual")->operands.back();
  EXPECT_EQ(Find(*plan, "blk.2.ffn_gate_inp")->operands[0], before);
  EXPECT_EQ(Find(*plan, "blk.2.attn_norm")->operands[0], before);
}

TEST_F(SmallThinkerTest, GatingFunctionsByNumber) {
  const auto gating = [&] {
    const auto plan = Build();
    EXPECT_TRUE(plan.ok()) << plan.status();
    const kl_node node = Attributes(*Find(*plan, "blk.0.ffn_route"));
    EXPECT_EQ(kl_attribute_int(&node, "normalise", 0), 1);
    return std::string(kl_attribute_string(&node, "gating", ""));
  };
  EXPECT_EQ(gating(), "sigmoid");
  Set("expert_gating_func", int64_t{1});
  EXPECT_EQ(gating(), "softmax");
  Remove("expert_gating_func");
  EXPECT_EQ(gating(), "softmax");
}

TEST_F(SmallThinkerTest, UnknownGatingFunctionNamesTheKnownOnes) {
  Set("expert_gating_func", int64_t{3});
  EXPECT_THAT(Refusal(), HasSubstr("expert_gating_func is 3; known are 1 (softmax), 2 (sigmoid)"));
}

TEST_F(SmallThinkerTest, MissingKeysAreNamed) {
  for (const char* key : {"block_count", "embedding_length", "attention.head_count", "expert_count",
                          "expert_used_count", "expert_feed_forward_length", "context_length"}) {
    const MetadataValue kept = *source_.metadata.Find(std::string("smallthinker.") + key);
    Remove(key);
    const bool ffn = std::string(key) == "expert_feed_forward_length";
    EXPECT_THAT(Refusal(), HasSubstr(std::string("smallthinker.") + (ffn ? "feed_forward_length" : key)));
    Set(key, kept);
  }
  EXPECT_TRUE(Build().ok());
}

TEST_F(SmallThinkerTest, HeadsThatDoNotDivideAreRefused) {
  Set("attention.head_count_kv", int64_t{3});
  EXPECT_THAT(Refusal(), HasSubstr("head_count_kv is 3, which does not divide head_count, 4"));
}

TEST_F(SmallThinkerTest, OddHeadLengthIsRefused) {
  Set("attention.key_length", int64_t{7});
  EXPECT_THAT(Refusal(), HasSubstr("heads have 7 elements"));
}

TEST_F(SmallThinkerTest, MoreExpertsUsedThanThereAreIsRefused) {
  Set("expert_used_count", int64_t{5});
  EXPECT_THAT(Refusal(), HasSubstr("expert_used_count: expected a whole number from 1 to 4, found 5"));
}

TEST_F(SmallThinkerTest, HostileNumbersAreRefusedByTheirKey) {
  for (const char* key : {"block_count", "embedding_length", "attention.head_count", "attention.head_count_kv",
                          "attention.key_length", "attention.sliding_window", "expert_count", "expert_used_count",
                          "expert_feed_forward_length", "context_length"}) {
    const MetadataValue kept = *source_.metadata.Find(std::string("smallthinker.") + key);
    for (int64_t hostile : {int64_t{-1}, int64_t{1} << 31, int64_t{1} << 62, std::numeric_limits<int64_t>::min()}) {
      Set(key, hostile);
      EXPECT_THAT(Refusal(), HasSubstr(key)) << hostile;
    }
    Set(key, kept);
  }
}

TEST_F(SmallThinkerTest, FileThatClaimsManyExpertsOneByOneIsRefusedAtTheFirstHole) {
  Set("expert_count", int64_t{65536});
  Remove("rope_layout");
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string layer = "blk." + std::to_string(l) + ".";
    RemoveTensor(layer + "ffn_gate_inp.weight");
    AddTensor(layer + "ffn_gate_inp.weight", {65536, kDim});
    RemoveTensor(layer + "ffn_gate_exps.weight");
    AddTensor(layer + "ffn_gate.0.weight", {kFfn, kDim});
  }
  EXPECT_THAT(Refusal(), HasSubstr("tensor blk.0.ffn_gate.1.weight is missing"));
}

TEST_F(SmallThinkerTest, ExpertsStoredOneByOneAreStacked) {
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string layer = "blk." + std::to_string(l) + ".";
    RemoveTensor(layer + "ffn_gate_exps.weight");
    for (int64_t e = 0; e < kExperts; ++e) {
      AddTensor(layer + "ffn_gate." + std::to_string(e) + ".weight", {kFfn, kDim});
    }
  }
  const auto plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->values[Find(*plan, "blk.0.ffn_exps")->operands[3]].tensors.size(), static_cast<size_t>(kExperts));
}

TEST_F(SmallThinkerTest, TransposedDownIsToldByItsShape) {
  const auto transposed = [&] {
    const auto plan = Build();
    EXPECT_TRUE(plan.ok()) << plan.status();
    const kl_node node = Attributes(*Find(*plan, "blk.0.ffn_exps"));
    return kl_attribute_int(&node, "down_transposed", -1);
  };
  EXPECT_EQ(transposed(), 0);
  for (int64_t l = 0; l < kLayers; ++l) {
    const std::string down = "blk." + std::to_string(l) + ".ffn_down_exps.weight";
    RemoveTensor(down);
    AddTensor(down, {kExperts, kFfn, kDim});
  }
  EXPECT_EQ(transposed(), 1);
}

TEST_F(SmallThinkerTest, HeadIsTheTableUnlessTheFileHasOne) {
  auto plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->values[Find(*plan, "output")->operands[1]].name, "token_embd.weight");
  AddTensor("output.weight", {50, kDim});
  plan = Build();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->values[Find(*plan, "output")->operands[1]].name, "output.weight");
  EXPECT_EQ(plan->facts.vocabulary_size, 50);
}

}  // namespace
}  // namespace kinglet
