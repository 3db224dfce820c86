// 8-bit TFLite networks layer by layer: each operator is made a network of its own, TFLite or ONNX,
// gets the codes that the reference computed before it, and gives the reference's codes, or within
// one.
//
// Of a whole network nothing like it holds: where one code of a thousand rounds the other way,
// those behind it see another image, and logits end some codes apart.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "tests/cnn/network_test.h"
#include "tests/cnn/tflite_as_onnx.h"
#include "tests/cnn/tflite_model.h"
#include "tests/support/temp_folder.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

using Bytes = std::vector<uint8_t>;

std::unique_ptr<tflite::ModelT> ReadModel(const std::string& name) {
  return ReadTfliteModel(TestDataFolder() + "/cnn/" + name);
}

bool IsComputed(const tflite::ModelT& model, int32_t tensor) {
  const uint32_t buffer = model.subgraphs[0]->tensors[static_cast<size_t>(tensor)]->buffer;
  return model.buffers[buffer]->data.empty();
}

// Contents by tensor.
using Codes = std::map<int32_t, Bytes>;

// Fills the inputs from `codes` and runs; what is computed is added to them.
void RunOn(const std::string& path, const Handle<kl_runtime>& runtime,
           const tflite::SubGraphT& graph, Codes* codes) {
  const auto network = LoadNetwork(runtime.get(), path);
  ASSERT_NE(network, nullptr);
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const kl_network_tensor input = NetworkInput(network.get(), static_cast<uint32_t>(i));
    const Bytes& from = (*codes)[graph.inputs[i]];
    ASSERT_EQ(from.size(), input.bytes);
    std::memcpy(input.data, from.data(), from.size());
  }
  RunNetwork(network.get());
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const kl_network_tensor output = NetworkOutput(network.get(), static_cast<uint32_t>(i));
    const uint8_t* data = static_cast<const uint8_t*>(output.data);
    (*codes)[graph.outputs[i]] = Bytes(data, data + output.bytes);
  }
}

Bytes Noise(size_t count, uint32_t seed) {
  Bytes noise;
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    noise.push_back(static_cast<uint8_t>(seed >> 24));
  }
  return noise;
}

// What the reference computes for noise.
void ReferenceCodes(const std::string& name, const TempFolder& folder, Codes* codes) {
  const std::unique_ptr<tflite::ModelT> model = ReadModel(name);
  tflite::SubGraphT& graph = *model->subgraphs[0];
  graph.outputs.clear();
  for (const auto& op : graph.operators) graph.outputs.push_back(op->outputs[0]);
  const std::string path = folder.Write("all.tflite", TfliteBytes(*model));
  ASSERT_EQ(graph.inputs.size(), 1u);
  size_t count = 1;
  for (const int32_t size : graph.tensors[static_cast<size_t>(graph.inputs[0])]->shape)
    count *= static_cast<size_t>(size);
  (*codes)[graph.inputs[0]] = Noise(count, 1);
  RunOn(path, RuntimeWithOnly("reference"), graph, codes);
}

// Only operator `index`; what it reads are the inputs.
void KeepOperator(tflite::ModelT* model, size_t index) {
  tflite::SubGraphT& graph = *model->subgraphs[0];
  std::swap(graph.operators[0], graph.operators[index]);
  graph.operators.resize(1);
  const tflite::OperatorT& op = *graph.operators[0];
  graph.outputs = op.outputs;
  graph.inputs.clear();
  for (const int32_t input : std::set<int32_t>(op.inputs.begin(), op.inputs.end())) {
    if (input >= 0 && IsComputed(*model, input)) graph.inputs.push_back(input);
  }
}

int Distance(uint8_t a, uint8_t b) {
  return std::abs(static_cast<int8_t>(a) - static_cast<int8_t>(b));
}

struct Layers {
  std::string network;
  std::string engine;
  bool onnx;
  int codes;     // that a result may differ by
  double share;  // of a layer's codes that may
};

class TfliteLayersTest : public testing::TestWithParam<Layers> {};

TEST_P(TfliteLayersTest, EachComputesTheCodesOfTheReference) {
  KL_REQUIRE_TESTDATA();
  const Layers& layers = GetParam();
  const TempFolder folder;
  Codes reference;
  ASSERT_NO_FATAL_FAILURE(ReferenceCodes(layers.network, folder, &reference));
  const size_t count = ReadModel(layers.network)->subgraphs[0]->operators.size();
  ASSERT_GT(count, 10u);
  for (size_t i = 0; i < count; ++i) {
    SCOPED_TRACE("operator " + std::to_string(i));
    const std::unique_ptr<tflite::ModelT> model = ReadModel(layers.network);
    KeepOperator(model.get(), i);
    const tflite::SubGraphT& graph = *model->subgraphs[0];
    Codes codes;
    for (const int32_t input : graph.inputs) codes[input] = reference[input];
    const std::string path = layers.onnx ? folder.Write("layer.onnx", TfliteAsOnnx(*model))
                                         : folder.Write("layer.tflite", TfliteBytes(*model));
    ASSERT_NO_FATAL_FAILURE(RunOn(path, RuntimeWithOnly(layers.engine), graph, &codes));
    const Bytes& found = codes[graph.outputs[0]];
    const Bytes& expected = reference[graph.outputs[0]];
    ASSERT_EQ(found.size(), expected.size());
    int largest = 0;
    size_t differing = 0;
    for (size_t k = 0; k < found.size(); ++k) {
      largest = std::max(largest, Distance(found[k], expected[k]));
      differing += found[k] != expected[k];
    }
    EXPECT_LE(largest, layers.codes);
    EXPECT_LE(static_cast<double>(differing),
              std::ceil(layers.share * static_cast<double>(found.size())));
  }
}

// XNNPACK and ONNX scale sums in f32, ties to even; oneDNN's and our own kernels have TFLite's
// whole numbers, whose two roundings push what lies just below a half over it. ONNX also rounds the
// mean of a pool to even.
const char kResNet8[] = "mlperf-tiny-resnet8-int8.tflite", kVww[] = "vww_96_int8.tflite";
INSTANTIATE_TEST_SUITE_P(Networks, TfliteLayersTest,
                         testing::Values(Layers{kResNet8, "xnnpack", false, 1, 0.005},
                                         Layers{kResNet8, "onednn", false, 0, 0.0},
                                         Layers{kResNet8, "sparse_x86", false, 0, 0.0},
                                         Layers{kResNet8, "reference", true, 1, 0.005},
                                         Layers{kVww, "xnnpack", false, 1, 0.005},
                                         Layers{kVww, "onednn", false, 0, 0.0},
                                         Layers{kVww, "sparse_x86", false, 0, 0.0},
                                         Layers{kVww, "reference", true, 1, 0.005}),
                         [](const testing::TestParamInfo<Layers>& info) {
                           return std::string(info.param.network[0] == 'v' ? "Vww_" : "ResNet8_") +
                                  (info.param.onnx ? "onnx_" : "") + info.param.engine;
                         });

// Where rounding differs in every layer, logits of whole networks stay together on the average.
TEST(TfliteLogitsTest, RoundingInAnotherWayMovesLogitsByAboutOneCode) {
  KL_REQUIRE_TESTDATA();
  const TempFolder folder;
  const std::unique_ptr<tflite::ModelT> model = ReadModel(kResNet8);
  EndAtLogits(model.get());
  const std::string tflite = folder.Write("logits.tflite", TfliteBytes(*model));
  const std::string onnx = folder.Write("logits.onnx", TfliteAsOnnx(*model));
  const tflite::SubGraphT& graph = *model->subgraphs[0];
  int sums[3] = {}, largest[3] = {}, count = 0;
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    Codes images[4];
    for (Codes& codes : images) codes[graph.inputs[0]] = Noise(32 * 32 * 3, seed);
    ASSERT_NO_FATAL_FAILURE(RunOn(tflite, RuntimeWithOnly("reference"), graph, &images[0]));
    ASSERT_NO_FATAL_FAILURE(RunOn(tflite, RuntimeWithOnly("sparse_x86"), graph, &images[1]));
    ASSERT_NO_FATAL_FAILURE(RunOn(tflite, RuntimeWithOnly("xnnpack"), graph, &images[2]));
    ASSERT_NO_FATAL_FAILURE(RunOn(onnx, RuntimeWithOnly("reference"), graph, &images[3]));
    const Bytes& expected = images[0][graph.outputs[0]];
    for (size_t k = 0; k < expected.size(); ++k, ++count) {
      for (int other = 0; other < 3; ++other) {
        const int distance = Distance(images[other + 1][graph.outputs[0]][k], expected[k]);
        sums[other] += distance;
        largest[other] = std::max(largest[other], distance);
      }
    }
  }
  ASSERT_EQ(count, 100);
  EXPECT_EQ(largest[0], 0) << "our kernels";
  EXPECT_LE(sums[1], 1.5 * count) << "XNNPACK";
  EXPECT_LE(largest[1], 5) << "XNNPACK";
  EXPECT_LE(sums[2], 1.5 * count) << "ONNX";
  EXPECT_LE(largest[2], 5) << "ONNX";
}

}  // namespace
}  // namespace kinglet
