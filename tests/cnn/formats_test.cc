// One f32 network in both formats: the TFLite networks, written as ONNX (tflite_as_onnx.h), give
// the same probabilities but for the order of additions. Networks of 8 bits: tflite_layers_test.cc.
#include <algorithm>
#include <cmath>

#include "tests/cnn/network_test.h"
#include "tests/cnn/tflite_as_onnx.h"
#include "tests/cnn/tflite_model.h"
#include "tests/support/temp_folder.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

class FormatsTest : public testing::TestWithParam<std::string> {};

// A bright disc on a dark ground, brighter to the right.
double Pixel(int64_t row, int64_t column, int64_t size) {
  const int64_t y = 2 * row - size, x = 2 * column - size;
  const bool inside = 2 * (x * x + y * y) < size * size;
  return (inside ? 0.7 : 0.1) + 0.2 * static_cast<double>(column) / static_cast<double>(size);
}

std::vector<float> Scores(kl_runtime* runtime, const std::string& path, double white) {
  const auto network = LoadNetwork(runtime, path);
  if (network == nullptr) return {};
  const kl_network_tensor input = NetworkInput(network.get(), 0);
  const int64_t rows = input.shape[1], columns = input.shape[2], channels = input.shape[3];
  for (int64_t i = 0; i < rows * columns * channels; ++i) {
    static_cast<float*>(input.data)[i] =
        static_cast<float>(white * Pixel(i / channels / columns, i / channels % columns, rows));
  }
  RunNetwork(network.get());
  return Floats(NetworkOutput(network.get(), 0));
}

TEST_P(FormatsTest, GiveTheSameProbabilities) {
  KL_REQUIRE_TESTDATA();
  const std::string path = TestDataFolder() + "/cnn/" + GetParam();
  const TempFolder folder;
  const std::string onnx = folder.Write("network.onnx", TfliteAsOnnx(*ReadTfliteModel(path)));
  const double white = GetParam().find("resnet8") != std::string::npos ? 255.0 : 1.0;
  for (const bool reference : {true, false}) {
    SCOPED_TRACE(reference ? "reference kernels" : "kernels that are chosen");
    const auto runtime = reference ? MakeReferenceRuntime() : MakeRuntime(WithThreads(2));
    const std::vector<float> a = Scores(runtime.get(), path, white);
    const std::vector<float> b = Scores(runtime.get(), onnx, white);
    ASSERT_EQ(a.size(), b.size());
    float sum = 0, largest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      sum += a[i];
      largest = std::max(largest, std::abs(a[i] - b[i]));
    }
    EXPECT_NEAR(sum, 1.0f, 1e-4f);
    EXPECT_LE(largest, 1e-6f);
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, FormatsTest,
                         testing::Values("mlperf-tiny-resnet8-f32.tflite", "vww_96_float.tflite",
                                         "mobilenet_v1_0.25_224_f32.tflite"),
                         TestNameOfFile);

}  // namespace
}  // namespace kinglet
