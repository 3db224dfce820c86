// kinglet quantize on networks with seeded weights: agreement, errors, what is refused.
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

std::string Temporary(const std::string& name) { return testing::TempDir() + name; }

void WriteArray(const std::string& path, const std::string& shape, const std::vector<float>& values,
                const std::string& type = "<f4") {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize((10 + header.size() + 64) / 64 * 64 - 10, ' ');
  header.back() = '\n';
  std::ofstream file(path, std::ios::binary);
  file.write("\x93NUMPY\x01\x00", 8);
  const char size[2] = {static_cast<char>(header.size() & 255),
                        static_cast<char>(header.size() >> 8)};
  file.write(size, 2);
  file << header;
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
}

// A folder of seeded arrays in [-1, 1), smooth enough to look like something.
std::string Samples(const std::string& name, const std::string& shape, size_t count, int samples) {
  const std::string folder = Temporary(name);
  std::filesystem::create_directories(folder);
  uint32_t state = 7;
  for (int s = 0; s < samples; ++s) {
    std::vector<float> values(count);
    float value = 0.0f;
    for (float& v : values) {
      state = state * 1664525u + 1013904223u;
      value = 0.7f * value + 0.3f * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
      v = value * 2.0f;
    }
    WriteArray(folder + "/" + std::to_string(s) + ".npy", shape, values);
  }
  return folder;
}

std::string Make(const std::string& network, const std::vector<std::string>& flags = {}) {
  const std::string path = Temporary(network + ".onnx");
  std::vector<std::string> arguments = {"make-network", "--net", network, path};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const ProgramResult made = RunKinglet(arguments);
  EXPECT_EQ(made.status, 0) << made.err;
  return path;
}

std::map<std::string, int> OpsOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromIstream(&file));
  std::map<std::string, int> ops;
  for (const onnx::NodeProto& node : model.graph().node()) ++ops[node.op_type()];
  return ops;
}

// "outputs: error 1.23%, ..": the number.
double OutputError(const std::string& out) {
  const size_t at = out.find("outputs: error ");
  return at == std::string::npos ? INFINITY : std::stod(out.substr(at + 15));
}

struct Network {
  const char* name;
  std::vector<std::string> flags;
  const char* shape;
  size_t count;
  const char* agreement;
  double error;  // percent, at most
};

class QuantizeTest : public testing::TestWithParam<Network> {};

TEST_P(QuantizeTest, TheBestClassStays) {
  const Network& network = GetParam();
  const std::string path = Make(network.name, network.flags);
  const std::string output = Temporary(std::string(network.name) + "-int8.onnx");
  const std::string samples =
      Samples(std::string("samples-") + network.name, network.shape, network.count, 8);
  const ProgramResult result =
      RunKinglet({"quantize", path, "--calibration", samples, "-o", output});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(network.agreement)) << result.out;
  EXPECT_LE(OutputError(result.out), network.error) << result.out;
  std::map<std::string, int> ops = OpsOf(output);
  EXPECT_EQ(ops["Conv"] + ops["Gemm"], 0);
  EXPECT_GT(ops["QLinearConv"], 5);
  const ProgramResult plan = RunKinglet({"inspect", "--plan", output});
  EXPECT_EQ(plan.status, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("conv2d_quantized"));
}

INSTANTIATE_TEST_SUITE_P(
    Networks, QuantizeTest,
    testing::ValuesIn(std::vector<Network>{
        {"resnet8", {}, "1, 3, 32, 32", 3 * 32 * 32, "the same for 8 of 8 samples", 8},
        {"ds-cnn", {}, "1, 1, 49, 10", 490, "the same for 8 of 8 samples", 8},
        {"mobilenet-v2",
         {"--size", "64", "--width", "0.25", "--classes", "10"},
         "1, 3, 64, 64",
         3 * 64 * 64,
         "of 8 samples",
         25},
    }),
    [](const testing::TestParamInfo<Network>& info) {
      std::string name = info.param.name;
      name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
      return name;
    });

TEST(QuantizeCommandTest, CodesTakeAQuarterOfTheFile) {
  const std::string path = Make("resnet8"), output = Temporary("quarter.onnx");
  const std::string samples = Samples("samples-quarter", "1, 3, 32, 32", 3 * 32 * 32, 2);
  ASSERT_EQ(
      RunKinglet({"quantize", path, "--calibration", samples, "-o", output, "--percentile", "99.9"})
          .status,
      0);
  EXPECT_LT(std::filesystem::file_size(output), std::filesystem::file_size(path) * 0.35);
}

TEST(QuantizeCommandTest, RefusesWhatItCannotUse) {
  const std::string path = Make("resnet8"), output = Temporary("never.onnx");
  const std::string samples = Samples("samples-refused", "1, 3, 32, 32", 3 * 32 * 32, 1);
  const auto run = [&](const std::string& network, const std::string& folder) {
    return RunKinglet({"quantize", network, "--calibration", folder, "-o", output});
  };
  EXPECT_EQ(RunKinglet({"quantize", path, "-o", output}).status, 64);
  EXPECT_EQ(RunKinglet({"quantize", path, "--calibration", samples}).status, 64);
  EXPECT_EQ(run(Temporary("missing.onnx"), samples).status, 66);
  EXPECT_EQ(run(path, Temporary("no-such-folder")).status, 66);
  std::filesystem::create_directories(Temporary("empty-folder"));
  const ProgramResult empty = run(path, Temporary("empty-folder"));
  EXPECT_EQ(empty.status, 66);
  EXPECT_THAT(empty.err, HasSubstr("expected images"));
  std::ofstream(Temporary("text.onnx")) << "not a network";
  EXPECT_EQ(run(Temporary("text.onnx"), samples).status, 65);

  const std::string other = Samples("samples-other", "1, 3, 16, 16", 3 * 16 * 16, 1);
  const ProgramResult shape = run(path, other);
  EXPECT_EQ(shape.status, 65);
  EXPECT_THAT(shape.err, HasSubstr("expected f32 [1, 3, 32, 32]"));
  const std::string bad = Temporary("samples-nan");
  std::filesystem::create_directories(bad);
  WriteArray(bad + "/a.npy", "1, 3, 32, 32", std::vector<float>(3 * 32 * 32, NAN));
  const ProgramResult nan = run(path, bad);
  EXPECT_EQ(nan.status, 65);
  EXPECT_THAT(nan.err, HasSubstr("not finite"));
  std::ofstream(bad + "/b.png") << "no image";
  std::filesystem::remove(bad + "/a.npy");
  EXPECT_EQ(run(path, bad).status, 65);
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST(QuantizeCommandTest, RealNetworksWithImages) {
  KL_REQUIRE_TESTDATA();
  const std::string output = Temporary("vww-int8.onnx");
  const ProgramResult result =
      RunKinglet({"quantize", TestDataFolder() + "/cnn/mlperf-tiny-vww.onnx", "--calibration",
                  TestDataFolder() + "/images", "-o", output});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("best class the same for 2 of 2 samples")) << result.out;
}

}  // namespace
}  // namespace kinglet
