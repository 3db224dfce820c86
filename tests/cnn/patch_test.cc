// Networks within a limit of their arena: the same bits as without, whatever has to be cut into
// patches.
#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/cli/program.h"
#include "tests/cnn/network_test.h"
#include "tests/support/temp_folder.h"
#include "tools/make_network/onnx_writer.h"

namespace kinglet {
namespace {

using tools::IntAttribute;
using tools::IntsAttribute;
using tools::OnnxWriter;

const std::vector<std::string> kAllButReference = {"xnnpack", "onednn", "sparse_x86", "sparse_arm"};

// A small network with random layers: windows of all kinds, uneven pads, dilations, residuals,
// branches.
class RandomNetwork {
 public:
  RandomNetwork(uint32_t seed, bool int8) : random_(seed), int8_(int8) {
    shape_ = {1, 3, Pick(17, 40), Pick(17, 40)};
    if (int8_) {
      writer_.AddByteInput("input", shape_);
    } else {
      writer_.AddInput("input", shape_);
    }
    x_ = "input";
    const int64_t layers = Pick(3, 7);
    for (int64_t i = 0; i < layers && shape_[2] > 6 && shape_[3] > 6; ++i) AddLayer();
    Finish();
  }

  std::string bytes() const { return writer_.Finish("random"); }

 private:
  int64_t Pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  std::string Name(const std::string& kind) { return absl::StrCat(kind, ++count_); }

  void AddLayer() {
    switch (Pick(0, int8_ ? 3 : 6)) {
      case 0:
        return Convolve(/*depthwise=*/true, Pick(1, 2) * 2 + 1);
      case 1:
        return Convolve(/*depthwise=*/false, 3);
      case 2:
        return Residual();
      case 3:
        return Convolve(/*depthwise=*/false, 1);
      case 4:
        return Pool("MaxPool");
      case 5:
        return Pool("AveragePool");
      default:
        return Branches();
    }
  }

  void Convolve(bool depthwise, int64_t kernel) {
    const int64_t stride = kernel == 1 ? 1 : Pick(1, 2), dilation = kernel == 3 ? Pick(1, 2) : 1;
    const int64_t span = (kernel - 1) * dilation + 1;
    std::vector<int64_t> pads = {Pick(0, span / 2), Pick(0, span / 2), Pick(0, span / 2),
                                 Pick(0, span / 2)};
    Emit(depthwise, kernel, stride, dilation, pads, depthwise ? shape_[1] : Pick(2, 12));
  }

  void Emit(bool depthwise, int64_t kernel, int64_t stride, int64_t dilation,
            const std::vector<int64_t>& pads, int64_t outputs) {
    const int64_t span = (kernel - 1) * dilation + 1, group = depthwise ? shape_[1] : 1;
    const std::string name = Name("conv");
    const std::vector<int64_t> weight_shape = {outputs, shape_[1] / group, kernel, kernel};
    const size_t count = static_cast<size_t>(outputs * weight_shape[1] * kernel * kernel);
    const std::vector<tools::OnnxAttribute> attributes = {
        IntsAttribute("kernel_shape", {kernel, kernel}), IntsAttribute("strides", {stride, stride}),
        IntsAttribute("dilations", {dilation, dilation}), IntsAttribute("pads", pads),
        IntAttribute("group", group)};
    if (int8_) {
      std::vector<int8_t> weights(count);
      for (int8_t& w : weights) w = static_cast<int8_t>(Pick(-127, 127));
      std::vector<int32_t> bias(static_cast<size_t>(outputs));
      for (int32_t& b : bias) b = static_cast<int32_t>(Pick(-2000, 2000));
      writer_.AddTensor(name + "_w", weight_shape, weights);
      writer_.AddTensor(name + "_b", {outputs}, bias);
      writer_.AddTensor(name + "_ws", {}, std::vector<float>{0.01f});
      writer_.AddTensor(name + "_wz", {}, std::vector<int8_t>{0});
      const std::vector<std::string> from = CodeNames(name + "_x");
      scale_ = 0.02f * static_cast<float>(Pick(2, 9));
      zero_ = static_cast<int32_t>(Pick(-128, 20));
      const std::vector<std::string> to = CodeNames(name + "_y");
      writer_.AddNode("QLinearConv", name,
                      {x_, from[0], from[1], name + "_w", name + "_ws", name + "_wz", to[0], to[1],
                       name + "_b"},
                      name, attributes);
    } else {
      std::vector<float> weights(count), bias(static_cast<size_t>(outputs));
      for (float& w : weights) w = static_cast<float>(Pick(-1000, 1000)) / 2500.0f;
      for (float& b : bias) b = static_cast<float>(Pick(-1000, 1000)) / 5000.0f;
      writer_.AddTensor(name + "_w", weight_shape, weights);
      writer_.AddTensor(name + "_b", {outputs}, bias);
      writer_.AddNode("Conv", name, {x_, name + "_w", name + "_b"}, name, attributes);
    }
    x_ = name;
    shape_[1] = outputs;
    for (size_t a = 0; a < 2; ++a)
      shape_[2 + a] = (shape_[2 + a] + pads[a] + pads[2 + a] - span) / stride + 1;
    if (!int8_ && Pick(0, 1) == 1) {
      const std::string relu = Name("relu");
      writer_.AddNode("Relu", relu, {x_}, relu, {});
      x_ = relu;
    }
  }

  // Depthwise and 1x1, added to what came in.
  void Residual() {
    const std::string before = x_;
    const float before_scale = scale_;
    const int32_t before_zero = zero_;
    const int64_t channels = shape_[1];
    Emit(/*depthwise=*/true, 3, 1, 1, {1, 1, 1, 1}, channels);
    Emit(/*depthwise=*/false, 1, 1, 1, {0, 0, 0, 0}, channels);
    if (int8_) {
      const std::string mine = Dequantize(x_);
      scale_ = before_scale;
      zero_ = before_zero;
      const std::string residual = Dequantize(before);
      const std::string sum = Name("sum");
      writer_.AddNode("Add", sum, {mine, residual}, sum, {});
      scale_ = 0.1f;
      zero_ = 5;
      const std::string name = Name("quantize");
      const std::vector<std::string> codes = CodeNames(name);
      writer_.AddNode("QuantizeLinear", name, {sum, codes[0], codes[1]}, name, {});
      x_ = name;
    } else {
      const std::string sum = Name("sum");
      writer_.AddNode("Add", sum, {x_, before}, sum, {});
      x_ = sum;
    }
  }

  void Pool(const std::string& op) {
    const int64_t kernel = Pick(2, 3), stride = Pick(1, 2);
    const std::vector<int64_t> pads = {Pick(0, 1), Pick(0, 1), Pick(0, 1), Pick(0, 1)};
    std::vector<tools::OnnxAttribute> attributes = {IntsAttribute("kernel_shape", {kernel, kernel}),
                                                    IntsAttribute("strides", {stride, stride}),
                                                    IntsAttribute("pads", pads)};
    if (op == "AveragePool") attributes.push_back(IntAttribute("count_include_pad", Pick(0, 1)));
    const std::string name = Name("pool");
    writer_.AddNode(op, name, {x_}, name, attributes);
    x_ = name;
    for (size_t a = 0; a < 2; ++a)
      shape_[2 + a] = (shape_[2 + a] + pads[a] + pads[2 + a] - kernel) / stride + 1;
  }

  // Two views of one image behind each other: 3x3 and what came in.
  void Branches() {
    const std::string before = x_;
    const int64_t channels = shape_[1];
    Emit(/*depthwise=*/false, 3, 1, 1, {1, 1, 1, 1}, 4);
    const std::string name = Name("concat");
    writer_.AddNode("Concat", name, {x_, before}, name, {IntAttribute("axis", 1)});
    x_ = name;
    shape_[1] += channels;
  }

  void Finish() {
    Emit(/*depthwise=*/false, 1, 1, 1, {0, 0, 0, 0}, 5);
    if (int8_) x_ = Dequantize(x_);
    // The rest of the network: each plane's mean, and its largest.
    writer_.AddNode("GlobalAveragePool", "mean", {x_}, "mean", {});
    writer_.AddOutput("mean", {1, 5, 1, 1});
    writer_.AddNode("GlobalMaxPool", "largest", {x_}, "largest", {});
    writer_.AddOutput("largest", {1, 5, 1, 1});
  }

  std::vector<std::string> CodeNames(const std::string& name) {
    writer_.AddTensor(name + "_scale", {}, std::vector<float>{scale_});
    writer_.AddTensor(name + "_zero", {}, std::vector<int8_t>{static_cast<int8_t>(zero_)});
    return {name + "_scale", name + "_zero"};
  }
  std::string Dequantize(const std::string& from) {
    const std::string name = Name("dequantize");
    const std::vector<std::string> codes = CodeNames(name);
    writer_.AddNode("DequantizeLinear", name, {from, codes[0], codes[1]}, name, {});
    return name;
  }

  std::mt19937 random_;
  const bool int8_;
  OnnxWriter writer_;
  std::string x_;
  std::vector<int64_t> shape_;
  float scale_ = 0.03f;
  int32_t zero_ = -3;
  int count_ = 0;
};

void FillWithBytes(const kl_network_tensor& tensor) {
  uint32_t state = 1;
  for (uint64_t i = 0; i < tensor.bytes; ++i) {
    state = state * 1664525u + 1013904223u;
    static_cast<uint8_t*>(tensor.data)[i] = static_cast<uint8_t>(state >> 24);
  }
}

kl_network_memory MemoryOf(const kl_network* network) {
  kl_network_memory memory = {};
  memory.struct_size = sizeof memory;
  EXPECT_EQ(kl_network_describe_memory(network, &memory), KL_OK);
  return memory;
}

Handle<kl_network> LoadWithin(kl_runtime* runtime, const std::string& path, uint64_t arena_bytes,
                              Error* error) {
  kl_network_options options = {};
  options.struct_size = sizeof options;
  kl_network_default_options(&options);
  options.arena_bytes = arena_bytes;
  kl_network* network = nullptr;
  kl_network_load_with_options(runtime, path.c_str(), &options, &network, error);
  return Handle<kl_network>(network);
}

// All outputs, byte for byte.
std::string OutputsOf(kl_network* network) {
  const kl_network_tensor input = NetworkInput(network, 0);
  if (input.type == KL_TYPE_F32) {
    FillWithSequence(input);
  } else {
    FillWithBytes(input);
  }
  RunNetwork(network);
  std::string bytes;
  for (uint32_t i = 0; i < kl_network_output_count(network); ++i) {
    const kl_network_tensor output = NetworkOutput(network, i);
    bytes.append(static_cast<const char*>(output.data), output.bytes);
  }
  return bytes;
}

// Tightens the limit until it is refused; returns how many of the plans had patches.
int ExpectSameBitsWithinEveryLimit(kl_runtime* runtime, const std::string& path) {
  Error error;
  const Handle<kl_network> plain = LoadWithin(runtime, path, 0, &error);
  if (plain == nullptr) {
    ADD_FAILURE() << error.message;
    return 0;
  }
  const std::string expected = OutputsOf(plain.get());
  int patched = 0;
  uint64_t limit = kl_network_arena_bytes(plain.get()) - 1;
  for (;;) {
    const Handle<kl_network> network = LoadWithin(runtime, path, limit, &error);
    if (network == nullptr) break;
    EXPECT_LE(kl_network_arena_bytes(network.get()), limit);
    EXPECT_TRUE(OutputsOf(network.get()) == expected) << "within " << limit << " bytes";
    EXPECT_TRUE(OutputsOf(network.get()) == expected) << "the second time";
    const kl_network_memory memory = MemoryOf(network.get());
    for (uint32_t i = 0; i < kl_network_block_count(network.get()); ++i) {
      kl_network_block_facts block = {};
      block.struct_size = sizeof block;
      EXPECT_EQ(kl_network_block(network.get(), i, &block), KL_OK);
      EXPECT_LE(block.offset + block.bytes, memory.arena_bytes) << block.name;
    }
    if (memory.patch_rows * memory.patch_columns > 1) ++patched;
    limit = std::min(kl_network_arena_bytes(network.get()) - 1, limit * 9 / 10);
  }
  EXPECT_EQ(error.code, KL_OUT_OF_BUDGET) << error.message;
  EXPECT_THAT(error.message, testing::HasSubstr("the smallest that works is "));
  // What the refusal names does work.
  const char* named = std::strstr(error.message, "the smallest that works is ");
  if (named == nullptr) return patched;
  const uint64_t smallest = std::stoull(named + std::strlen("the smallest that works is "));
  const Handle<kl_network> least = LoadWithin(runtime, path, smallest, &error);
  EXPECT_NE(least, nullptr) << error.message;
  if (least != nullptr) {
    EXPECT_TRUE(OutputsOf(least.get()) == expected) << "within the smallest";
  }
  return patched;
}

struct Engines {
  std::string name;
  std::vector<std::string> without;
};

class PatchTest : public testing::TestWithParam<Engines> {};

TEST_P(PatchTest, RandomNetworksGiveTheSameBits) {
  const auto runtime = RuntimeWithout(GetParam().without);
  const TempFolder folder;
  int patched = 0;
  for (uint32_t seed = 0; seed < 24; ++seed) {
    const bool int8 = seed % 2 == 1;
    SCOPED_TRACE(absl::StrCat("seed ", seed, int8 ? " int8" : " f32"));
    const std::string path =
        folder.Write(absl::StrCat(seed, ".onnx"), RandomNetwork(seed, int8).bytes());
    patched += ExpectSameBitsWithinEveryLimit(runtime.get(), path);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(patched, GetParam().name == "reference" ? 20 : 0);
}

INSTANTIATE_TEST_SUITE_P(
    Engines, PatchTest,
    testing::Values(Engines{"reference", kAllButReference}, Engines{"all", {}},
                    Engines{"xnnpack", {"onednn", "sparse_x86", "sparse_arm"}}),
    [](const testing::TestParamInfo<Engines>& info) { return info.param.name; });

// Issue 6: MobileNetV2 at 224, int8, on kernels without scratch.
TEST(MobileNetV2PatchTest, RunsWithinTheArenaOfThePublishedPlan) {
  const TempFolder folder;
  const std::string path = folder.path() + "/mobilenet-v2.onnx";
  ASSERT_EQ(RunKinglet({"make-network", "--net", "mobilenet-v2", "--int8", path}).status, 0);
  const auto runtime = RuntimeWithout(kAllButReference);
  Error error;
  const Handle<kl_network> plain = LoadWithin(runtime.get(), path, 0, &error);
  ASSERT_NE(plain, nullptr) << error.message;
  constexpr uint64_t kArena = 1715 * 1024 / 10;
  for (const uint64_t limit : {uint64_t{256 * 1024}, kArena}) {
    const Handle<kl_network> network = LoadWithin(runtime.get(), path, limit, &error);
    ASSERT_NE(network, nullptr) << error.message;
    const kl_network_memory memory = MemoryOf(network.get());
    EXPECT_EQ(memory.layer_peak_bytes, 1372u * 1024);
    EXPECT_EQ(memory.peak_bytes, kArena);
    EXPECT_LE(memory.arena_bytes, limit);
    EXPECT_EQ(memory.patch_rows, 4u);
    EXPECT_EQ(memory.patch_columns, 4u);
    std::vector<int64_t> tiles;
    for (uint32_t i = 0; i < memory.tile_count; ++i) {
      kl_network_tile_facts tile = {};
      tile.struct_size = sizeof tile;
      ASSERT_EQ(kl_network_tile(network.get(), i, &tile), KL_OK);
      tiles.push_back(tile.rows);
    }
    EXPECT_THAT(tiles, testing::ElementsAre(75, 37, 35, 35, 35, 17, 17, 17, 15, 15, 15, 7, 7));
    EXPECT_TRUE(OutputsOf(network.get()) == OutputsOf(plain.get()));
  }
}

}  // namespace
}  // namespace kinglet
