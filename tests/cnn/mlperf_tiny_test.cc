// The networks of MLPerf Tiny: all kernels agree with each other and with an independent
// implementation (make_golden.py), inside the planned arena.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/cnn/network_test.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

using testing::HasSubstr;
using testing::Not;

// What computes; every other plugin with kernels is left out.
struct Engine {
  std::string name;
  std::vector<std::string> without;
  std::string kernel;  // one that the plan must then use
};

const Engine kReference = {
    "reference", {"xnnpack", "onednn", "sparse_x86", "sparse_arm"}, "conv2d_f32_reference"};
const Engine kXnnpack = {"xnnpack", {"onednn", "sparse_x86", "sparse_arm"}, "conv2d_f32_xnnpack"};
const Engine kOnednn = {"onednn", {"xnnpack", "sparse_x86", "sparse_arm"}, "conv2d_f32_onednn"};

class MlperfTinyTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { KL_REQUIRE_TESTDATA(); }

  std::string path() const { return TestDataFolder() + "/cnn/" + GetParam() + ".onnx"; }

  std::vector<float> Outputs(const Engine& engine, int32_t thread_count = 2) const {
    const auto runtime = RuntimeWithout(engine.without, thread_count);
    const auto network = LoadNetwork(runtime.get(), path());
    if (network == nullptr) return {};
    EXPECT_THAT(kl_network_plan_text(network.get()), HasSubstr(engine.kernel));
    const kl_network_tensor input = NetworkInput(network.get(), 0);
    FillWithSequence(input);
    const std::vector<float> fed = Floats(input);
    std::vector<float> outputs;
    // Twice: the second run finds the arena as the first left it, and its input untouched.
    for (int run = 0; run < 2; ++run) {
      EXPECT_EQ(fed, Floats(NetworkInput(network.get(), 0)));
      RunNetwork(network.get());
      const std::vector<float> now = Floats(NetworkOutput(network.get(), 0));
      if (run == 1) {
        EXPECT_EQ(outputs, now);
      }
      outputs = now;
    }
    return outputs;
  }
};

void ExpectNear(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  double difference = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    difference = std::max(difference, static_cast<double>(std::abs(found[i] - expected[i])));
  }
  testing::Test::RecordProperty("largest_difference", std::to_string(difference));
  EXPECT_LE(difference, 1e-4);
}

TEST_P(MlperfTinyTest, ReferenceAgreesWithTheIndependentImplementation) {
  std::ifstream file("tests/cnn/mlperf_tiny_golden.json");
  const nlohmann::json golden = nlohmann::json::parse(file, nullptr, false);
  ASSERT_TRUE(golden.is_object() && golden.contains(GetParam()));
  ExpectNear(Outputs(kReference), golden[GetParam()].get<std::vector<float>>());
}

TEST_P(MlperfTinyTest, XnnpackAgreesWithTheReference) {
  ExpectNear(Outputs(kXnnpack), Outputs(kReference));
}

TEST_P(MlperfTinyTest, OnednnAgreesWithTheReference) {
  ExpectNear(Outputs(kOnednn), Outputs(kReference));
}

TEST_P(MlperfTinyTest, XnnpackGivesTheSameBitsOnAnyNumberOfThreads) {
  const std::vector<float> serial = Outputs(kXnnpack, 1);
  EXPECT_EQ(serial, Outputs(kXnnpack, 2));
  EXPECT_EQ(serial, Outputs(kXnnpack, 3));
}

TEST_P(MlperfTinyTest, ActivationsLieInThePlannedArena) {
  for (const Engine& engine : {kReference, kXnnpack, kOnednn}) {
    SCOPED_TRACE(engine.name);
    const auto runtime = RuntimeWithout(engine.without);
    const auto network = LoadNetwork(runtime.get(), path());
    ASSERT_NE(network, nullptr);
    const kl_network_tensor input = NetworkInput(network.get(), 0),
                            output = NetworkOutput(network.get(), 0);
    const uint64_t arena_bytes = kl_network_arena_bytes(network.get());
    EXPECT_GE(arena_bytes, output.bytes);
    // The output is one of its tenants, the input lies outside.
    uint64_t end = 0;
    bool has_output = false;
    for (uint32_t i = 0; i < kl_network_block_count(network.get()); ++i) {
      kl_network_block_facts block = {};
      block.struct_size = sizeof block;
      ASSERT_EQ(kl_network_block(network.get(), i, &block), KL_OK);
      end = std::max(end, block.offset + block.bytes);
      has_output = has_output || std::string(block.name) == output.name;
      EXPECT_NE(std::string(block.name), input.name);
    }
    EXPECT_EQ(end, arena_bytes);
    EXPECT_TRUE(has_output);
    RecordProperty(engine.name + "_arena_bytes", std::to_string(arena_bytes));
  }
}

TEST_P(MlperfTinyTest, NormalisationsAndClampsAreFused) {
  const auto runtime = RuntimeWithout(kReference.without);
  const auto network = LoadNetwork(runtime.get(), path());
  ASSERT_NE(network, nullptr);
  for (const char* op : {" batch_norm ", " relu ", " clip "}) {
    EXPECT_THAT(kl_network_plan_text(network.get()), Not(HasSubstr(op)));
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, MlperfTinyTest,
                         testing::Values("mlperf-tiny-resnet8", "mlperf-tiny-kws",
                                         "mlperf-tiny-vww"),
                         [](const testing::TestParamInfo<std::string>& info) {
                           return info.param.substr(12);
                         });

}  // namespace
}  // namespace kinglet
