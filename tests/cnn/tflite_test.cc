// TFLite networks: they run on every engine, in f32 and 8 bits, as independent implementations do;
// two precisions of one network agree.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/cnn/network_test.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

std::string PathOf(const std::string& name) { return TestDataFolder() + "/cnn/" + name; }

// Values of any byte or f32 tensor.
std::vector<double> Values(const kl_network_tensor& tensor) {
  std::vector<double> values;
  for (uint64_t i = 0; i < tensor.bytes / (tensor.type == KL_TYPE_F32 ? 4 : 1); ++i) {
    values.push_back(tensor.type == KL_TYPE_F32  ? static_cast<const float*>(tensor.data)[i]
                     : tensor.type == KL_TYPE_I8 ? static_cast<const int8_t*>(tensor.data)[i]
                                                 : static_cast<const uint8_t*>(tensor.data)[i]);
  }
  return values;
}

// A sequence in [-1, 1), or codes of the whole range.
void FillAny(const kl_network_tensor& tensor) {
  if (tensor.type == KL_TYPE_F32) return FillWithSequence(tensor);
  uint32_t state = 1;
  for (uint64_t i = 0; i < tensor.bytes; ++i) {
    state = state * 1664525u + 1013904223u;
    static_cast<uint8_t*>(tensor.data)[i] = static_cast<uint8_t>(state >> 24);
  }
}

std::vector<double> Outputs(const std::string& name, const std::string& engine) {
  const auto runtime = RuntimeWithOnly(engine);
  const auto network = LoadNetwork(runtime.get(), PathOf(name));
  if (network == nullptr) return {};
  FillAny(NetworkInput(network.get(), 0));
  RunNetwork(network.get());
  return Values(NetworkOutput(network.get(), 0));
}

double LargestDifferenceOf(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

class TfliteTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { KL_REQUIRE_TESTDATA(); }
};

TEST_P(TfliteTest, EnginesAgree) {
  const std::vector<double> reference = Outputs(GetParam(), "reference");
  ASSERT_FALSE(reference.empty());
  const bool quantised = GetParam().find("int8") != std::string::npos;
  EXPECT_LE(LargestDifferenceOf(Outputs(GetParam(), "onednn"), reference), quantised ? 0.0 : 1e-4);
  EXPECT_LE(LargestDifferenceOf(Outputs(GetParam(), "sparse_x86"), reference),
            quantised ? 0.0 : 1e-4);
  // XNNPACK rounds codes in another way, a few of each thousand: tflite_layers_test.cc.
  if (quantised) return;
  EXPECT_LE(LargestDifferenceOf(Outputs(GetParam(), "xnnpack"), reference), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Networks, TfliteTest,
                         testing::Values("mlperf-tiny-resnet8-f32.tflite",
                                         "mlperf-tiny-resnet8-int8.tflite",
                                         "mobilenet_v1_0.25_224_f32.tflite", "vww_96_float.tflite",
                                         "vww_96_int8.tflite"),
                         TestNameOfFile);

// ResNet8 takes pixels of 0 to 255 in f32, the same as codes in 8 bits.
TEST(TflitePrecisionTest, ResNet8ScoresAlike) {
  KL_REQUIRE_TESTDATA();
  const auto runtime = MakeReferenceRuntime();
  const auto floats = LoadNetwork(runtime.get(), PathOf("mlperf-tiny-resnet8-f32.tflite"));
  const auto codes = LoadNetwork(runtime.get(), PathOf("mlperf-tiny-resnet8-int8.tflite"));
  ASSERT_NE(floats, nullptr);
  ASSERT_NE(codes, nullptr);
  const kl_network_tensor x = NetworkInput(floats.get(), 0), q = NetworkInput(codes.get(), 0);
  ASSERT_EQ(x.bytes, 4 * q.bytes);
  for (int i = 0; i < 32 * 32 * 3; ++i) {
    const int code = std::abs(i / 3 % 32 - 16) < 5 ? 30 : 200;  // a dark bar
    static_cast<float*>(x.data)[i] = static_cast<float>(code);
    static_cast<uint8_t*>(q.data)[i] =
        static_cast<uint8_t>(q.type == KL_TYPE_I8 ? code - 128 : code);
  }
  RunNetwork(floats.get());
  RunNetwork(codes.get());
  const std::vector<double> exact = Values(NetworkOutput(floats.get(), 0)),
                            coarse = Values(NetworkOutput(codes.get(), 0));
  ASSERT_EQ(exact.size(), coarse.size());
  for (size_t i = 0; i < exact.size(); ++i)
    EXPECT_NEAR((coarse[i] + 128) / 256, exact[i], 0.05) << i;
}

// make_tflite_golden.py wrote the file.
TEST(TfliteGoldenTest, ReferenceAgreesWithTheIndependentImplementation) {
  KL_REQUIRE_TESTDATA();
  std::ifstream file("tests/cnn/tflite_golden.json");
  const nlohmann::json golden = nlohmann::json::parse(file, nullptr, false);
  ASSERT_TRUE(golden.is_object());
  EXPECT_EQ(golden.size(), 3u);
  for (const auto& [name, outputs] : golden.items()) {
    SCOPED_TRACE(name);
    EXPECT_LE(LargestDifferenceOf(Outputs(name, "reference"), outputs.get<std::vector<double>>()),
              1e-5);
  }
}

// make_tflite_codes_golden.py wrote the file: TFLite's whole numbers, to the code.
TEST(TfliteGoldenTest, ReferenceComputesTheWholeNumbersOfTflite) {
  KL_REQUIRE_TESTDATA();
  std::ifstream file("tests/cnn/tflite_codes_golden.json");
  const nlohmann::json golden = nlohmann::json::parse(file, nullptr, false);
  ASSERT_TRUE(golden.is_object());
  EXPECT_EQ(golden.size(), 2u);
  for (const auto& [name, outputs] : golden.items()) {
    SCOPED_TRACE(name);
    EXPECT_EQ(Outputs(name, "reference"), outputs.get<std::vector<double>>());
  }
}

// The 8-bit network sees what the f32 one sees.
TEST(TflitePrecisionTest, EightBitsAreCloseToFloats) {
  KL_REQUIRE_TESTDATA();
  const auto runtime = MakeReferenceRuntime();
  const auto floats = LoadNetwork(runtime.get(), PathOf("vww_96_float.tflite"));
  const auto codes = LoadNetwork(runtime.get(), PathOf("vww_96_int8.tflite"));
  ASSERT_NE(floats, nullptr);
  ASSERT_NE(codes, nullptr);
  const kl_network_tensor x = NetworkInput(floats.get(), 0), q = NetworkInput(codes.get(), 0);
  ASSERT_EQ(x.bytes, 4 * q.bytes);
  ASSERT_EQ(q.type, KL_TYPE_I8);
  // A bright disc on a dark ground; pixels of 0 to 1, as codes with scale 1 / 255.
  for (int i = 0; i < 96 * 96 * 3; ++i) {
    const int h = i / 3 / 96 - 48, w = i / 3 % 96 - 48;
    const int code = h * h + w * w < 900 ? 230 - i % 3 * 40 : 20 + (h & 15);
    static_cast<float*>(x.data)[i] = static_cast<float>(code) / 255.0f;
    static_cast<int8_t*>(q.data)[i] = static_cast<int8_t>(code - 128);
  }
  RunNetwork(floats.get());
  RunNetwork(codes.get());
  std::vector<double> coarse = Values(NetworkOutput(codes.get(), 0));
  for (double& v : coarse) v = (v + 128.0) / 256.0;
  EXPECT_LE(LargestDifferenceOf(coarse, Values(NetworkOutput(floats.get(), 0))), 0.1);
}

}  // namespace
}  // namespace kinglet
