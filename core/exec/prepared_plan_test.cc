#include "core/exec/prepared_plan.h"

#include "core/base/status.h"
#include "core/exec/fake_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

class PreparedPlanTest : public testing::Test {
 protected:
  PreparedPlanTest() : registry_(plugin_.MakeRegistry()) {
    x_ = AddValue(ValueKind::kActivation, "x", {KL_DIM_TOKENS, 4});
    y_ = AddValue(ValueKind::kActivation, "y", {KL_DIM_TOKENS, 4});
  }
  kl_value AddValue(ValueKind kind, const char* name, std::vector<int64_t> shape) {
    PlanValue value;
    value.kind = kind;
    value.name = name;
    value.shape = std::move(shape);
    plan_.values.push_back(std::move(value));
    return static_cast<kl_value>(plan_.values.size()) - 1;
  }
  void AddNode(const char* op, const char* name, std::vector<kl_value> operands) {
    PlanNode node;
    node.op = op;
    node.name = name;
    node.operands = std::move(operands);
    plan_.nodes.push_back(std::move(node));
  }
  absl::StatusOr<std::unique_ptr<PreparedPlan>> Prepare() {
    return PreparedPlan::Create(plan_, *registry_, Extents{8, 8, 16}, /*thread_count=*/3);
  }
  std::string Error() { return std::string(Prepare().status().message()); }

  FakePlugin plugin_;
  std::unique_ptr<Registry> registry_;
  Plan plan_;
  kl_value x_, y_;
};

TEST_F(PreparedPlanTest, KernelsSeeTheLargestShapesAndTheThreads) {
  AddNode("fake_double", "n", {x_, y_});
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  const kl_node& node = (*prepared)->nodes()[0].operands->node();
  EXPECT_EQ(node.operands[0]->shape[0], 8);
  EXPECT_EQ(node.operands[0]->shape[1], 4);
  EXPECT_EQ(node.operands[0]->data, nullptr);
  EXPECT_EQ(node.thread_count, 3u);
  EXPECT_STREQ((*prepared)->nodes()[0].kernel->name, "fake_double_1");
}

TEST_F(PreparedPlanTest, UnknownOperatorIsNamedWithItsNode) {
  AddNode("fake_convolve", "blk.1.conv", {x_, y_});
  EXPECT_THAT(Error(), HasSubstr("node blk.1.conv: no loaded plugin defines operator fake_convolve"));
  EXPECT_EQ(CodeFromStatus(Prepare().status()), KL_UNSUPPORTED);
}

TEST_F(PreparedPlanTest, WrongNumberOfOperandsIsRefused) {
  AddNode("fake_double", "n", {x_});
  EXPECT_THAT(Error(), HasSubstr("fake_double has 2 operands, the plan gives 1"));
}

TEST_F(PreparedPlanTest, MissingOperandIsNamed) {
  AddNode("fake_sum", "n", {KL_NO_VALUE, x_, y_});
  EXPECT_THAT(Error(), HasSubstr("node n: operand x of operator fake_sum is missing"));
}

TEST_F(PreparedPlanTest, OptionalOperandMayBeMissingAndShowsAsTypeNone) {
  AddNode("fake_sum", "n", {x_, KL_NO_VALUE, y_});
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ((*prepared)->nodes()[0].operands->node().operands[1]->type, KL_TYPE_NONE);
}

TEST_F(PreparedPlanTest, OutputMustBeAnActivation) {
  const kl_value input = AddValue(ValueKind::kInput, "in", {4});
  AddNode("fake_double", "n", {x_, input});
  EXPECT_THAT(Error(), HasSubstr("output y is not an activation"));
}

TEST_F(PreparedPlanTest, StateMustBeACache) {
  AddNode("fake_cached", "n", {x_, x_, y_});
  EXPECT_THAT(Error(), HasSubstr("state cache is not a cache"));
}

TEST_F(PreparedPlanTest, NodeThatNoKernelTakesListsTheCandidates) {
  plugin_.kernels[2].supports = [](const kl_node*, kl_error* error) {
    return kl_fail(error, KL_UNSUPPORTED, "only odd sizes");
  };
  AddNode("fake_double", "n", {x_, y_});
  EXPECT_THAT(Error(), HasSubstr("fake_double_1"));
  EXPECT_THAT(Error(), HasSubstr("only odd sizes"));
}

class WeightedPlanTest : public PreparedPlanTest {
 protected:
  WeightedPlanTest() : source_(MakeFakeSource(4)) {
    const kl_value w = AddValue(ValueKind::kWeight, "head", {4, 4});
    plan_.values[w].tensors = {source_->Find("head")};
    AddNode("fake_matmul", "out", {x_, w, y_});
  }
  static void Serially(int64_t count, kl_parallel_body body, void* context) { body(context, 0, count); }
  std::unique_ptr<ModelSource> source_;
};

TEST_F(WeightedPlanTest, WeightsAreBoundPackedAfterLoading) {
  Fake::log().pack_weights = true;
  auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  ASSERT_TRUE((*prepared)->LoadWeights(nullptr, Serially, nullptr).ok());
  const kl_tensor* weight = (*prepared)->nodes()[0].operands->node().operands[1];
  EXPECT_EQ(weight->layout, static_cast<uint32_t>(KL_LAYOUT_PACKED));
  EXPECT_NE(weight->data, source_->Find("head")->data);
}

TEST_F(WeightedPlanTest, SupportsMaySeeTheWeightsData) {
  static const void* seen;
  seen = nullptr;
  plugin_.kernels[3].supports = [](const kl_node* node, kl_error*) {
    seen = node->operands[1]->data;
    return kl_code{KL_OK};
  };
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(seen, source_->Find("head")->data);
}

TEST_F(WeightedPlanTest, BudgetIsAskedBeforeAnythingIsPacked) {
  Fake::log().pack_weights = true;
  Budget budget(63);  // the weight has 64 bytes
  auto prepared = Prepare();
  const absl::Status status = (*prepared)->LoadWeights(&budget, Serially, nullptr);
  EXPECT_EQ(CodeFromStatus(status), KL_OUT_OF_BUDGET);
  EXPECT_THAT(std::string(status.message()), HasSubstr("packed weights"));
  EXPECT_EQ(Fake::log().packed_units, 0);
}

TEST_F(WeightedPlanTest, BudgetIsGivenBackWithThePlan) {
  Budget budget(64);
  {
    auto prepared = Prepare();
    ASSERT_TRUE((*prepared)->LoadWeights(&budget, Serially, nullptr).ok());
    EXPECT_EQ(budget.used_bytes(), 64u);
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST_F(WeightedPlanTest, DescriptionHasALineANode) {
  AddNode("fake_sum", "sum", {x_, KL_NO_VALUE, y_});
  EXPECT_EQ((*Prepare())->Describe(*registry_),
            "0 fake_matmul out fake_matmul_1 (fake) f32[tokens, 4] f32[4, 4] f32[tokens, 4]\n"
            "1 fake_sum sum fake_sum_1 (fake) f32[tokens, 4] - f32[tokens, 4]\n");
}

}  // namespace
}  // namespace kinglet
