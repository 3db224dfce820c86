#include "core/exec/network_probe.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/exec/fake_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::Each;
using testing::Gt;
using testing::HasSubstr;

// in [1, 2] -> double -> matmul by w [512, 2] -> out
std::unique_ptr<ModelSource> Source() {
  auto source = std::make_unique<ModelSource>();
  source->path = "net.model";
  source->format = "fake";
  AddTensor(source.get(), "w", {1024, 2}, std::vector<float>(2048, 1));
  Graph& graph = source->graph.emplace();
  graph.values = {{"in", KL_TYPE_F32, {1, 2}, false},
                  {"w", KL_TYPE_F32, {1024, 2}, true},
                  {"twice", KL_TYPE_F32, {1, 2}, false},
                  {"out", KL_TYPE_F32, {1, 1024}, false}};
  graph.nodes = {{"fake_double", "double", {}, {0, 2}}, {"fake_matmul", "fc", {}, {2, 1, 3}}};
  graph.inputs = {0};
  graph.outputs = {3};
  return source;
}

class NetworkProbeTest : public testing::Test {
 protected:
  NetworkProbeTest() : runtime_(MakeFakeRuntime(plugin_)) {}
  std::unique_ptr<NetworkProbe> Open() { return NetworkProbe::Open(runtime_.get(), Source()).value(); }
  static size_t Runs(const char* op) {
    const auto& ran = Fake::log().ran;
    return static_cast<size_t>(std::count(ran.begin(), ran.end(), op));
  }

  FakePlugin plugin_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(NetworkProbeTest, OpeningRunsPacksAndPreparesNothing) {
  Fake::log().pack_weights = true;
  const auto probe = Open();
  ASSERT_EQ(probe->node_count(), 2u);
  EXPECT_EQ(probe->node(1).name, "fc");
  EXPECT_STREQ(probe->kernel(1).name, "fake_matmul_1");
  EXPECT_EQ(probe->key(1), "fake_matmul f32[1,2] =f32[1024,2] f32[1,1024]");
  EXPECT_TRUE(Fake::log().ran.empty());
  EXPECT_EQ(Fake::log().packed_units, 0);
  EXPECT_EQ(Fake::log().prepared, 0);
}

TEST_F(NetworkProbeTest, TouchesWeightsAndWhatLivesTogether) {
  // w, and at the second node two values of the first and the output.
  EXPECT_EQ(Open()->touched_bytes(), 8192u + 8 + 4096);
}

TEST_F(NetworkProbeTest, OneNodeRunsAlone) {
  for (bool packed : {false, true}) {
    Fake::log() = Fake::Log();
    Fake::log().pack_weights = packed;
    const auto probe = Open();
    const auto times = probe->Time(1, {0, 1 << 20});
    ASSERT_TRUE(times.ok()) << times.status();
    ASSERT_EQ(times->size(), 2u);
    EXPECT_THAT(*times, Each(Gt(0)));
    EXPECT_EQ(Runs("fake_double"), 0u);
    EXPECT_GT(Runs("fake_matmul"), 0u);
    EXPECT_EQ(Runs("fake_matmul") % 4, 0u) << "three that count behind one that does not";
    EXPECT_EQ(Fake::log().packed_units, packed ? 4 * 1024 : 0) << "each copy has weights of its own";
    EXPECT_EQ(Fake::log().released, Fake::log().prepared) << "nothing is kept";
  }
}

TEST_F(NetworkProbeTest, NodesTakeTurns) {
  const auto probe = Open();
  const auto time = probe->TimeTurns(0, 1);
  ASSERT_TRUE(time.ok()) << time.status();
  EXPECT_GT(*time, 0);
  EXPECT_EQ(Runs("fake_double"), Runs("fake_matmul"));
  const auto& ran = Fake::log().ran;
  EXPECT_EQ(std::adjacent_find(ran.begin(), ran.end()), ran.end());
}

TEST_F(NetworkProbeTest, ANodeThatItsKernelRefusesIsNamed) {
  const auto probe = Open();
  Fake::log().refuse_node = "fc";
  const absl::Status status = probe->Time(1, {0}).status();
  EXPECT_EQ(CodeFromStatus(status), KL_UNSUPPORTED);
  EXPECT_THAT(std::string(status.message()), HasSubstr("node fc"));
}

TEST_F(NetworkProbeTest, LanguageModelIsNoNetwork) {
  EXPECT_THAT(std::string(NetworkProbe::Open(runtime_.get(), MakeFakeSource()).status().message()),
              HasSubstr("carries no graph"));
}

}  // namespace
}  // namespace kinglet
