#include "core/exec/weight_bytes.h"

#include "gtest/gtest.h"

namespace kinglet {
namespace {

class WeightBytesTest : public testing::Test {
 protected:
  WeightBytesTest() {
    tensor_.bytes = 6400;
    PlanValue weight;
    weight.kind = ValueKind::kWeight;
    weight.shape = {32, 10, 5};
    weight.tensors = {&tensor_};
    plan_.values = {PlanValue(), weight};
    plan_.facts.expert_count = 32;
    plan_.facts.expert_used_count = 4;
  }
  uint64_t Bytes(const char* op, int64_t tokens) {
    PlanNode node;
    node.op = op;
    node.operands = {0, 1, KL_NO_VALUE};
    return MostWeightBytes(plan_, node, tokens);
  }
  SourceTensor tensor_;
  Plan plan_;
};

TEST_F(WeightBytesTest, ProductsReadEverythingOnceForAllTokens) {
  EXPECT_EQ(Bytes("matmul", 1), 6400u);
  EXPECT_EQ(Bytes("matmul", 512), 6400u);
}

TEST_F(WeightBytesTest, TablesAreReadRowByRow) {
  EXPECT_EQ(Bytes("embed", 1), 200u);
  EXPECT_EQ(Bytes("embed", 3), 600u);
  EXPECT_EQ(Bytes("embed", 512), 6400u);
}

TEST_F(WeightBytesTest, ExpertsCountAsFarAsTheyCanBeChosen) {
  EXPECT_EQ(Bytes("moe_ffn", 1), 800u);
  EXPECT_EQ(Bytes("moe_ffn", 2), 1600u);
  EXPECT_EQ(Bytes("moe_ffn", 100), 6400u);
  plan_.facts.expert_count = 0;
  EXPECT_EQ(Bytes("moe_ffn", 1), 6400u);
}

}  // namespace
}  // namespace kinglet
