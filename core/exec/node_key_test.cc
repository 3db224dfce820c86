#include "core/exec/node_key.h"

#include <cstring>

#include "core/exec/fake_plugin.h"
#include "core/exec/plan_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

// One node that multiplies [1, columns] by the matrix w [rows, columns].
std::string KeyOf(const std::vector<float>& w, int64_t rows, std::vector<GraphAttribute> attributes = {}) {
  const int64_t columns = static_cast<int64_t>(w.size()) / rows;
  ModelSource source;
  source.path = "net.model";
  AddTensor(&source, "w", {rows, columns}, w);
  Graph& graph = source.graph.emplace();
  graph.values = {{"in", KL_TYPE_F32, {1, columns}, false}, {"w", KL_TYPE_F32, {rows, columns}, true},
                  {"out", KL_TYPE_F32, {1, rows}, false}};
  graph.nodes = {{"matmul", "the name does not matter", std::move(attributes), {0, 1, -1, 2}}};
  graph.inputs = {0};
  graph.outputs = {2};
  const Plan plan = BuildGraphPlan(source).value();
  return NodeKey(plan, plan.nodes[0]);
}

TEST(NodeKeyTest, NamesOperatorOperandsAndConstants) {
  EXPECT_EQ(KeyOf({1, 2, 3, 4, 5, 6}, 2), "matmul f32[1,3] =f32[2,3] - f32[1,2]");
}

TEST(NodeKeyTest, NamesAttributes) {
  const std::string key = KeyOf({1, 2}, 2, {{"axis", int64_t{1}}, {"mode", std::string("same")},
                                           {"pads", std::vector<int64_t>{1, 2}}, {"scale", 0.5}});
  EXPECT_THAT(key, HasSubstr("matmul{axis=1 mode=\"same\" pads=[1,2] scale=0.5} "));
}

TEST(NodeKeyTest, ValuesThatAreNotZeroDoNotMatter) { EXPECT_EQ(KeyOf({1, 2, 3, 4}, 2), KeyOf({4, 3, 2, 1}, 2)); }

TEST(NodeKeyTest, SharesOfZerosOfSingleElementsPairsAndFours) {
  // Rows 0 and 1 are zero in column 0, rows 0 to 3 in column 1.
  const std::vector<float> w = {0, 0, 0, 0, 1, 0, 1, 0};
  EXPECT_THAT(KeyOf(w, 4), HasSubstr("zeros(0.75,0.75,0.50)"));
  EXPECT_THAT(KeyOf({0, 1, 1, 0, 0, 1, 1, 0}, 4), HasSubstr("zeros(0.50,0.00,0.00)"));
}

TEST(NodeKeyTest, GroupsAtTheEndMayBeSmaller) { EXPECT_THAT(KeyOf({1, 1, 0}, 3), HasSubstr("zeros(0.33,0.50,0.00)")); }

TEST(NodeKeyTest, SmallWholeNumbersAreThereInFull) {
  ModelSource source;
  source.path = "net.model";
  AddTensor(&source, "axes", {2}, {0, 0});
  const int32_t axes[] = {3, -1};
  source.tensors[0].type = KL_TYPE_I32;
  std::memcpy(source.owned[0]->data(), axes, sizeof axes);
  Graph& graph = source.graph.emplace();
  graph.values = {{"axes", KL_TYPE_I32, {2}, true}};
  graph.nodes = {{"slice", "s", {}, {0}}};
  const Plan plan = BuildGraphPlan(source).value();
  EXPECT_EQ(NodeKey(plan, plan.nodes[0]), "slice =i32[2](3,-1)");
}

}  // namespace
}  // namespace kinglet
