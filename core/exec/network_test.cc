#include "core/exec/network.h"

#include "core/base/status.h"
#include "core/exec/fake_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

// out = (2 in) w^T with w = [[1, 1], [1, -1]].
std::unique_ptr<ModelSource> Source() {
  auto source = std::make_unique<ModelSource>();
  source->path = "net.model";
  source->format = "fake";
  AddTensor(source.get(), "w", {2, 2}, {1, 1, 1, -1});
  Graph& graph = source->graph.emplace();
  graph.values = {{"in", KL_TYPE_F32, {1, 2}, false},
                  {"w", KL_TYPE_F32, {2, 2}, true},
                  {"twice", KL_TYPE_F32, {1, 2}, false},
                  {"out", KL_TYPE_F32, {1, 2}, false}};
  graph.nodes = {{"fake_double", "double", {}, {0, 2}}, {"fake_matmul", "fc", {}, {2, 1, 3}}};
  graph.inputs = {0};
  graph.outputs = {3};
  return source;
}

class NetworkTest : public testing::Test {
 protected:
  NetworkTest() : runtime_(MakeFakeRuntime(plugin_, 2)) {}
  FakePlugin plugin_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(NetworkTest, ComputesItsGraphAgainAndAgain) {
  for (bool packed : {false, true}) {
    Fake::log().pack_weights = packed;
    const auto network = Network::Load(runtime_.get(), Source());
    ASSERT_TRUE(network.ok()) << network.status();
    EXPECT_EQ((*network)->input_name(0), "in");
    EXPECT_EQ((*network)->output_name(0), "out");
    float* in = static_cast<float*>((*network)->input(0).data);
    in[0] = 3;
    in[1] = 1;
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE((*network)->Run().ok());
      const float* out = static_cast<const float*>((*network)->output(0).data);
      EXPECT_EQ(out[0], 8);
      EXPECT_EQ(out[1], 4);
      EXPECT_EQ(in[0], 3) << "inputs keep their content";
    }
  }
}

TEST_F(NetworkTest, LanguageModelIsNoNetwork) {
  EXPECT_THAT(std::string(Network::Load(runtime_.get(), MakeFakeSource()).status().message()),
              HasSubstr("fake.model: format fake carries no graph"));
}

TEST_F(NetworkTest, OperatorThatNobodyHasNamesFileAndNode) {
  auto source = Source();
  source->graph->nodes[1].op = "einsum";
  const absl::Status status = Network::Load(runtime_.get(), std::move(source)).status();
  EXPECT_EQ(CodeFromStatus(status), KL_UNSUPPORTED);
  EXPECT_THAT(std::string(status.message()), HasSubstr("net.model: node fc"));
}

TEST_F(NetworkTest, ShapeThatAKernelRefusesNamesFileAndNode) {
  Fake::log().refuse_node = "double";
  const absl::Status status = Network::Load(runtime_.get(), Source()).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("net.model: node double, kernel fake_double_1"));
}

}  // namespace
}  // namespace kinglet
