// Networks that `kinglet make-network` made, dense and pruned: all kernels agree with the
// reference.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/cli/program.h"
#include "tests/cnn/network_test.h"

namespace kinglet {
namespace {

struct MadeNetwork {
  std::string name;
  std::vector<std::string> flags;
};

std::string TestName(const testing::TestParamInfo<MadeNetwork>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class MadeNetworkTest : public testing::TestWithParam<MadeNetwork> {
 protected:
  // Small images: the reference operators are slow.
  std::string Make(const std::string& zeros, const std::string& block) const {
    const std::string path = testing::TempDir() + GetParam().name + ".onnx";
    std::vector<std::string> arguments = {
        "make-network", "--net", GetParam().name, "--zeros", zeros, "--block", block};
    arguments.insert(arguments.end(), GetParam().flags.begin(), GetParam().flags.end());
    arguments.push_back(path);
    const ProgramResult made = RunKinglet(arguments);
    EXPECT_EQ(made.status, 0) << made.err;
    return path;
  }

  static std::vector<float> Outputs(const std::string& path,
                                    const std::vector<std::string>& without, int32_t threads) {
    const auto runtime = RuntimeWithout(without, threads);
    const auto network = LoadNetwork(runtime.get(), path);
    if (network == nullptr) return {};
    FillWithSequence(NetworkInput(network.get(), 0));
    RunNetwork(network.get());
    return Floats(NetworkOutput(network.get(), 0));
  }

  static void ExpectAgreement(const std::string& path) {
    const std::vector<float> expected =
        Outputs(path, {"xnnpack", "onednn", "sparse_x86", "sparse_arm"}, 2);
    double size = 0;
    for (const float value : expected) size = std::max(size, std::abs(static_cast<double>(value)));
    ASSERT_GT(size, 0.01);  // activations do not die out ..
    ASSERT_LT(size, 1e3);   // .. or explode
    const std::vector<std::vector<std::string>> kEngines = {
        {"onednn", "sparse_x86", "sparse_arm"}, {"xnnpack", "sparse_x86", "sparse_arm"}, {}};
    for (const std::vector<std::string>& without : kEngines) {
      const std::vector<float> found = Outputs(path, without, 2);
      ASSERT_EQ(found.size(), expected.size());
      for (size_t i = 0; i < found.size(); ++i) {
        ASSERT_NEAR(found[i], expected[i], 2e-4 * size) << "output " << i;
      }
    }
    EXPECT_EQ(Outputs(path, {}, 1), Outputs(path, {}, 2));  // bits do not depend on threads
  }
};

TEST_P(MadeNetworkTest, DenseKernelsAgree) { ExpectAgreement(Make("0", "1")); }
TEST_P(MadeNetworkTest, PrunedKernelsAgree) { ExpectAgreement(Make("0.9", "1")); }
TEST_P(MadeNetworkTest, BlockPrunedKernelsAgree) { ExpectAgreement(Make("0.8", "4")); }

INSTANTIATE_TEST_SUITE_P(
    Networks, MadeNetworkTest,
    testing::ValuesIn(std::vector<MadeNetwork>{
        {"mobilenet-v1", {"--size", "64", "--width", "0.5", "--classes", "50"}},
        {"mobilenet-v2", {"--size", "75", "--width", "0.5", "--classes", "50"}},
        {"mcunet", {"--size", "64"}},
        {"tinynet-e", {"--size", "53"}},
        {"vanillanet-5", {"--size", "32", "--width", "0.1"}},
        {"simplenet", {"--width", "0.2"}},
        {"resnet8", {}},
        {"ds-cnn", {}},
        {"cct-2", {}},
        {"tinyvit-5m", {"--classes", "10"}},
    }),
    TestName);

}  // namespace
}  // namespace kinglet
