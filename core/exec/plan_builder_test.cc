#include "core/exec/plan_builder.h"

#include "core/base/status.h"
#include "core/exec/fake_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

class PlanBuilderTest : public testing::Test {
 protected:
  PlanBuilderTest() : source_(MakeFakeSource(4)), builder_(*source_, CacheTypes()), b_(builder_.abi()) {
    AddTensor(source_.get(), "expert.0", {2, 3}, std::vector<float>(6));
    AddTensor(source_.get(), "expert.1", {2, 3}, std::vector<float>(6));
    AddTensor(source_.get(), "short", {1, 3}, std::vector<float>(3));
    AddTensor(source_.get(), "half", {2, 3}, std::vector<float>(6));
    source_->tensors.back().type = KL_TYPE_F16;
    AddTensor(source_.get(), "six", {1, 1, 1, 1, 1, 1}, {0});
    AddTensor(source_.get(), "seven", {1, 1, 1, 1, 1, 1, 1}, {0});
  }

  kl_value Weight(const char* name, std::vector<int64_t> shape) {
    return b_->weight(b_, name, static_cast<int32_t>(shape.size()), shape.data());
  }
  kl_value Stack(std::vector<const char*> names, std::vector<int64_t> shape) {
    return b_->stacked_weight(b_, names.data(), static_cast<uint32_t>(names.size()), static_cast<int32_t>(shape.size()),
                              shape.data());
  }
  kl_value Value(kl_dtype type, std::vector<int64_t> shape) {
    return b_->value(b_, type, static_cast<int32_t>(shape.size()), shape.data());
  }
  // Of the plan as it stands, with logits that are fine.
  absl::Status Finished() {
    b_->logits(b_, Value(KL_TYPE_F32, {KL_DIM_OUTPUTS, 4}));
    return builder_.Finish().status();
  }
  std::string Message() {
    kl_error error = EmptyError();
    b_->status(b_, &error);
    return error.message;
  }

  std::unique_ptr<ModelSource> source_;
  PlanBuilder builder_;
  kl_plan_builder* b_;
};

// Of a model of `layers` layers of width 32.
MemoryLayout MemoryOf(uint32_t layers, std::array<uint32_t, kMemoryMaxDepth> rows) {
  MemoryShape shape;
  shape.branching = 4;
  shape.depth = 3;
  shape.layer_count = layers;
  shape.dim = 32;
  shape.type = KL_TYPE_Q8_0;
  shape.activation = MemoryActivation::kRelu;
  shape.rows = rows;
  shape.encoder_width = 8;
  return std::move(MemoryLayout::Create(shape)).value();
}

class MemoryOfPlanTest : public testing::Test {
 protected:
  // One node a layer.
  absl::StatusOr<Plan> Build(const MemoryLayout* memory, int layers, const char* activation, int64_t width = 32) {
    PlanBuilder builder(*source_, CacheTypes(), memory);
    kl_plan_builder* b = builder.abi();
    const int64_t rows[] = {KL_DIM_TOKENS, width}, logits[] = {KL_DIM_OUTPUTS, 4};
    const kl_value x = b->value(b, KL_TYPE_F32, 2, rows);
    kl_value h = b->value(b, KL_TYPE_F32, 2, rows);
    for (int l = 0; l < layers; ++l) h = b->memory(b, "memory", l, activation, x, h);
    last_ = h;
    b->logits(b, b->value(b, KL_TYPE_F32, 2, logits));
    return builder.Finish();
  }

  const std::unique_ptr<ModelSource> source_ = MakeFakeSource(4);
  kl_value last_ = KL_NO_VALUE;
};

TEST_F(MemoryOfPlanTest, EveryLayerGetsASegmentForEachLevelWithBlocks) {
  const MemoryLayout memory = MemoryOf(2, {6, 0, 9, 0});
  const auto plan = Build(&memory, 2, "relu");
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->nodes.size(), 2u);
  const PlanNode& node = plan->nodes[1];
  EXPECT_EQ(node.op, "ffn_segments");
  ASSERT_EQ(node.attributes.size(), 2u);
  EXPECT_EQ(std::vector<int64_t>(node.attributes.data()[1].ints, node.attributes.data()[1].ints + 2),
            (std::vector<int64_t>{6, 9}));
  EXPECT_EQ(node.operands[1], plan->nodes[0].operands[3]);
  EXPECT_EQ(node.operands[3], last_);
  const PlanValue& blocks = plan->values[node.operands[2]];
  EXPECT_EQ(blocks.kind, ValueKind::kMemory);
  EXPECT_EQ(blocks.type, KL_TYPE_Q8_0);
  EXPECT_EQ(blocks.shape, (std::vector<int64_t>{2, 27, 32}));
  EXPECT_EQ(blocks.layer, 1);
}

TEST_F(MemoryOfPlanTest, WithoutABankNothingIsAdded) {
  const auto plan = Build(nullptr, 2, "relu");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->nodes.empty());
  EXPECT_EQ(last_, 1);
}

TEST_F(MemoryOfPlanTest, RefusesABankOfAnotherModel) {
  const MemoryLayout memory = MemoryOf(2, {6, 0, 9, 0});
  EXPECT_THAT(Build(&memory, 2, "silu").status().message(), HasSubstr("with relu, this model has silu"));
  EXPECT_THAT(Build(&memory, 3, "relu").status().message(), HasSubstr("2 layers of width 32"));
  EXPECT_THAT(Build(&memory, 2, "relu", 64).status().message(), HasSubstr("2 layers of width 32"));
  EXPECT_THAT(Build(&memory, 1, "relu").status().message(), HasSubstr("of 2 layers, this one has 1"));
  EXPECT_THAT(Build(&memory, 0, "relu").status().message(), HasSubstr("no place for a memory bank"));
}

TEST_F(PlanBuilderTest, WeightOfTheFileIsTakenAsItIs) {
  const kl_value table = Weight("table", {4, 4});
  const kl_value any_shape = b_->weight(b_, "head", 0, nullptr);
  b_->logits(b_, Value(KL_TYPE_F32, {KL_DIM_OUTPUTS, 4}));
  const auto plan = builder_.Finish();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->values[table].kind, ValueKind::kWeight);
  EXPECT_EQ(plan->values[table].tensors, std::vector<const SourceTensor*>{source_->Find("table")});
  EXPECT_EQ(plan->values[any_shape].shape, (std::vector<int64_t>{4, 4}));
}

TEST_F(PlanBuilderTest, MissingTensorIsNamed) {
  EXPECT_EQ(Weight("blk.0.attn_q.weight", {4}), KL_NO_VALUE);
  EXPECT_THAT(Message(), HasSubstr("fake.model: tensor blk.0.attn_q.weight is missing"));
  EXPECT_EQ(CodeFromStatus(Finished()), KL_NOT_FOUND);
}

TEST_F(PlanBuilderTest, MissingOptionalTensorIsNoError) {
  const int64_t shape[] = {4};
  EXPECT_EQ(b_->optional_weight(b_, "bias", 1, shape), KL_NO_VALUE);
  EXPECT_TRUE(Finished().ok());
}

TEST_F(PlanBuilderTest, WrongShapeShowsBothShapes) {
  Weight("table", {4, 5});
  EXPECT_THAT(Message(), HasSubstr("tensor table"));
  EXPECT_THAT(Message(), HasSubstr("[4, 4]"));
  EXPECT_THAT(Message(), HasSubstr("[4, 5]"));
  EXPECT_EQ(CodeFromStatus(Finished()), KL_DATA_CORRUPT);
}

TEST_F(PlanBuilderTest, WrongShapeOfAnOptionalTensorIsAnErrorToo) {
  const int64_t shape[] = {3};
  b_->optional_weight(b_, "table", 1, shape);
  EXPECT_EQ(CodeFromStatus(Finished()), KL_DATA_CORRUPT);
}

TEST_F(PlanBuilderTest, StackGetsANewOutermostDimension) {
  const kl_value stack = Stack({"expert.0", "expert.1"}, {2, 3});
  b_->logits(b_, Value(KL_TYPE_F32, {KL_DIM_OUTPUTS, 4}));
  const auto plan = builder_.Finish();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->values[stack].shape, (std::vector<int64_t>{2, 2, 3}));
  EXPECT_EQ(plan->values[stack].tensors,
            (std::vector<const SourceTensor*>{source_->Find("expert.0"), source_->Find("expert.1")}));
}

TEST_F(PlanBuilderTest, StackOfUnlikeTypesIsRefused) {
  Stack({"expert.0", "half"}, {2, 3});
  EXPECT_THAT(Message(), HasSubstr("half differs in type or shape from expert.0"));
}

TEST_F(PlanBuilderTest, StackOfUnlikeShapesIsRefused) {
  EXPECT_EQ(b_->stacked_weight(b_, std::vector<const char*>{"expert.0", "short"}.data(), 2, 0, nullptr), KL_NO_VALUE);
  EXPECT_THAT(Message(), HasSubstr("short differs in type or shape"));
}

TEST_F(PlanBuilderTest, StackWithAHoleNamesIt) {
  Stack({"expert.0", "expert.7"}, {2, 3});
  EXPECT_THAT(Message(), HasSubstr("expert.7 is missing"));
}

TEST_F(PlanBuilderTest, EmptyStackIsRefused) {
  EXPECT_EQ(b_->stacked_weight(b_, nullptr, 0, 0, nullptr), KL_NO_VALUE);
  EXPECT_THAT(Message(), HasSubstr("stack of no tensors"));
}

TEST_F(PlanBuilderTest, MoreDimensionsThanATensorHasAreRefused) {
  EXPECT_EQ(b_->weight(b_, "seven", 0, nullptr), KL_NO_VALUE);
  EXPECT_THAT(Message(), HasSubstr("tensor seven has 7 dimensions; expected at most 6"));
}

TEST_F(PlanBuilderTest, StackOfSixDimensionsWouldHaveSeven) {
  EXPECT_EQ(Stack({"six"}, {1, 1, 1, 1, 1, 1}), KL_NO_VALUE);
  EXPECT_THAT(Message(), HasSubstr("7 dimensions"));
}

TEST_F(PlanBuilderTest, ActivationOfSevenDimensionsIsRefused) {
  EXPECT_EQ(Value(KL_TYPE_F32, {1, 1, 1, 1, 1, 1, 1}), KL_NO_VALUE);
  EXPECT_EQ(CodeFromStatus(Finished()), KL_INVALID_ARGUMENT);
}

TEST_F(PlanBuilderTest, FirstErrorStaysAndWhatFollowsIsIgnored) {
  Weight("first", {1});
  EXPECT_EQ(Weight("second", {1}), KL_NO_VALUE);
  EXPECT_EQ(Weight("table", {4, 4}), KL_NO_VALUE) << "also what would be fine";
  b_->fail(b_, KL_UNSUPPORTED, "third");
  const kl_value none = KL_NO_VALUE;
  b_->node(b_, "op", "node", nullptr, 0, &none, 1);
  EXPECT_THAT(Message(), HasSubstr("tensor first"));
  EXPECT_THAT(std::string(Finished().message()), HasSubstr("tensor first"));
}

TEST_F(PlanBuilderTest, ErrorOfTheArchitectureKeepsItsCodeAndNamesTheFile) {
  b_->fail(b_, KL_UNSUPPORTED, "gating 7");
  EXPECT_EQ(b_->status(b_, nullptr), KL_UNSUPPORTED);
  EXPECT_EQ(Message(), "fake.model: gating 7");
}

TEST_F(PlanBuilderTest, ConstantsAreCopiedAndStayWhereTheyAre) {
  std::vector<kl_value> values;
  for (int i = 0; i < 100; ++i) {
    const float data[] = {static_cast<float>(i), 2.0f};
    const int64_t length = 2;
    values.push_back(b_->constant(b_, "factors", KL_TYPE_F32, 1, &length, data));
  }
  b_->logits(b_, Value(KL_TYPE_F32, {KL_DIM_OUTPUTS, 4}));
  auto finished = builder_.Finish();
  ASSERT_TRUE(finished.ok()) << finished.status();
  const Plan plan = *std::move(finished);
  for (int i = 0; i < 100; ++i) {
    const SourceTensor* tensor = plan.values[values[i]].tensors[0];
    EXPECT_EQ(tensor->bytes, 8u);
    EXPECT_EQ(reinterpret_cast<const float*>(tensor->data)[0], static_cast<float>(i));
  }
}

TEST_F(PlanBuilderTest, NodeOfAValueThatDoesNotExistNamesNodeAndOperand) {
  const kl_value operands[] = {KL_NO_VALUE, Value(KL_TYPE_F32, {1}), 57};
  b_->node(b_, "add", "blk.0.add", nullptr, 0, operands, 3);
  EXPECT_THAT(Message(), HasSubstr("node blk.0.add (add): operand 2 is value 57"));
  EXPECT_EQ(CodeFromStatus(Finished()), KL_INTERNAL);
}

TEST_F(PlanBuilderTest, NegativeValueOtherThanNoneIsRefused) {
  const kl_value operand = -2;
  b_->node(b_, "add", "n", nullptr, 0, &operand, 1);
  EXPECT_THAT(Message(), HasSubstr("value -2"));
}

TEST_F(PlanBuilderTest, CacheHasTheTypeOfTheModelsOptions) {
  kl_cache_desc desc = {sizeof desc, 2, 64, 16, KL_CACHE_ANY, 0};
  const kl_value f16 = b_->cache(b_, &desc);
  PlanBuilder wide(*source_, {KL_TYPE_F32, KL_TYPE_F32});
  const kl_value f32 = wide.abi()->cache(wide.abi(), &desc);
  const int64_t shape[] = {KL_DIM_OUTPUTS, 4};
  b_->logits(b_, b_->value(b_, KL_TYPE_F32, 2, shape));
  wide.abi()->logits(wide.abi(), wide.abi()->value(wide.abi(), KL_TYPE_F32, 2, shape));
  EXPECT_EQ(builder_.Finish()->values[f16].type, KL_TYPE_F16);
  const auto plan = wide.Finish();
  EXPECT_EQ(plan->values[f32].type, KL_TYPE_F32);
  EXPECT_EQ(plan->values[f32].cache.window, 16);
}

TEST_F(PlanBuilderTest, KeysAndValuesHaveTheirOwnTypes) {
  PlanBuilder mixed(*source_, {KL_TYPE_Q8_0, KL_TYPE_F16});
  kl_plan_builder* b = mixed.abi();
  kl_cache_desc desc = {sizeof desc, 2, 40, 16, KL_CACHE_KEYS, 0};
  const kl_value keys = b->cache(b, &desc);
  desc.content = KL_CACHE_VALUES;
  const kl_value values = b->cache(b, &desc);
  const int64_t shape[] = {KL_DIM_OUTPUTS, 4};
  b->logits(b, b->value(b, KL_TYPE_F32, 2, shape));
  const auto plan = mixed.Finish();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->values[keys].type, KL_TYPE_Q8_0);
  EXPECT_EQ(plan->values[values].type, KL_TYPE_F16);
}

TEST_F(PlanBuilderTest, ACacheOfAnOlderPluginHasOneTypeForBoth) {
  kl_cache_desc desc = {sizeof desc, 2, 64, 16, KL_CACHE_VALUES, 0};
  desc.struct_size = offsetof(kl_cache_desc, content);
  PlanBuilder same(*source_, {KL_TYPE_Q8_0, KL_TYPE_Q8_0});
  EXPECT_NE(same.abi()->cache(same.abi(), &desc), KL_NO_VALUE);
  PlanBuilder mixed(*source_, {KL_TYPE_Q8_0, KL_TYPE_F16});
  EXPECT_EQ(mixed.abi()->cache(mixed.abi(), &desc), KL_NO_VALUE);
  const absl::Status status = mixed.Finish().status();
  EXPECT_EQ(CodeFromStatus(status), KL_UNSUPPORTED);
  EXPECT_THAT(std::string(status.message()), HasSubstr("give both the same type"));
}

TEST_F(PlanBuilderTest, PlanWithoutLogitsIsRefused) {
  EXPECT_THAT(std::string(builder_.Finish().status().message()), HasSubstr("without logits"));
}

TEST_F(PlanBuilderTest, LogitsThatNobodyCanReadAreRefused) {
  const auto finish = [&](kl_value value) {
    b_->logits(b_, value);
    PlanBuilder& builder = builder_;
    return std::string(builder.Finish().status().message());
  };
  EXPECT_THAT(finish(1234), HasSubstr("logits"));
  EXPECT_THAT(finish(Weight("table", {4, 4})), HasSubstr("logits"));
  EXPECT_THAT(finish(Value(KL_TYPE_I32, {KL_DIM_OUTPUTS, 4})), HasSubstr("logits"));
  EXPECT_THAT(finish(Value(KL_TYPE_F32, {4})), HasSubstr("logits"));
  EXPECT_THAT(finish(Value(KL_TYPE_F32, {KL_DIM_TOKENS, 4})), HasSubstr("logits"));
}

TEST(BuildGraphPlanTest, SourceWithoutAGraphIsRefused) {
  const auto source = MakeFakeSource();
  EXPECT_THAT(std::string(BuildGraphPlan(*source).status().message()), HasSubstr("carries no graph"));
}

TEST(BuildGraphPlanTest, ConstantWithoutDataIsNamed) {
  const auto source = MakeFakeSource();
  source->graph.emplace();
  source->graph->values.push_back({"lost", KL_TYPE_F32, {1}, true});
  EXPECT_THAT(std::string(BuildGraphPlan(*source).status().message()), HasSubstr("constant lost has no data"));
}

}  // namespace
}  // namespace kinglet
