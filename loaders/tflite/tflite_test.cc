// Files written down here, right and wrong ones: what they become, and what is refused.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loaders/registry.h"
#include "loaders/tflite/schema_generated.h"
#include "tests/support/memory_file.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A convolution of 1 x 1, its result seen as a row, a softmax.
tflite::ModelT Model() {
  tflite::ModelT model;
  model.version = 3;
  for (const int32_t code : {3, 22, 25}) {
    model.operator_codes.push_back(std::make_unique<tflite::OperatorCodeT>());
    model.operator_codes.back()->deprecated_builtin_code = static_cast<int8_t>(code);
    model.operator_codes.back()->builtin_code = code;
  }
  for (int i = 0; i < 2; ++i) model.buffers.push_back(std::make_unique<tflite::BufferT>());
  model.buffers[1]->data.assign(16, 1);
  model.subgraphs.push_back(std::make_unique<tflite::SubGraphT>());
  tflite::SubGraphT& graph = *model.subgraphs[0];
  const std::vector<std::pair<std::string, std::vector<int32_t>>> tensors = {{"x", {1, 3, 3, 2}},
                                                                             {"w", {2, 1, 1, 2}},
                                                                             {"c", {1, 3, 3, 2}},
                                                                             {"r", {1, 18}},
                                                                             {"y", {1, 18}}};
  for (const auto& [name, shape] : tensors) {
    graph.tensors.push_back(std::make_unique<tflite::TensorT>());
    graph.tensors.back()->name = name;
    graph.tensors.back()->shape = shape;
    graph.tensors.back()->buffer = name == "w" ? 1 : 0;
  }
  graph.inputs = {0};
  graph.outputs = {4};
  const std::vector<std::vector<int32_t>> inputs = {{0, 1}, {2}, {3}};
  for (uint32_t i = 0; i < 3; ++i) {
    graph.operators.push_back(std::make_unique<tflite::OperatorT>());
    graph.operators.back()->opcode_index = i;
    graph.operators.back()->inputs = inputs[i];
    graph.operators.back()->outputs = {static_cast<int32_t>(i) + 2};
  }
  auto* options = new tflite::Conv2DOptionsT();  // the union deletes it
  options->stride_h = options->stride_w = 1;
  options->activation = tflite::Activation_RELU;
  graph.operators[0]->options.type = tflite::Options_Conv2DOptions;
  graph.operators[0]->options.value = options;
  return model;
}

std::string BytesOf(const tflite::ModelT& model) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite::Model::Pack(builder, &model), tflite::ModelIdentifier());
  return std::string(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
}

absl::StatusOr<std::unique_ptr<ModelSource>> LoadBytes(const std::string& bytes) {
  const MemoryFile file(bytes);
  return LoadSource(file.path(), AllLoaders());
}

TEST(TfliteTest, BecomesKingletsOperators) {
  const auto source = LoadBytes(BytesOf(Model()));
  ASSERT_TRUE(source.ok()) << source.status();
  std::vector<std::string> ops;
  for (const GraphNode& node : (*source)->graph->nodes) ops.push_back(node.op);
  EXPECT_THAT(ops, ElementsAre("transpose", "conv2d", "transpose", "reshape", "softmax"));
  const Graph& graph = *(*source)->graph;
  EXPECT_THAT(graph.values[static_cast<size_t>(graph.inputs[0])].shape, ElementsAre(1, 3, 3, 2));
  EXPECT_EQ(graph.values[static_cast<size_t>(graph.outputs[0])].name, "y");
}

// x + x, averaged by 2 x 2, then over planes, then a softmax: all in i8.
tflite::ModelT CodesModel() {
  tflite::ModelT model;
  model.version = 3;
  for (const int32_t code : {0, 1, 40, 25}) {
    model.operator_codes.push_back(std::make_unique<tflite::OperatorCodeT>());
    model.operator_codes.back()->deprecated_builtin_code = static_cast<int8_t>(code);
    model.operator_codes.back()->builtin_code = code;
  }
  for (int i = 0; i < 2; ++i) model.buffers.push_back(std::make_unique<tflite::BufferT>());
  model.buffers[1]->data = {1, 0, 0, 0, 2, 0, 0, 0};  // axes 1 and 2
  model.subgraphs.push_back(std::make_unique<tflite::SubGraphT>());
  tflite::SubGraphT& graph = *model.subgraphs[0];
  const std::vector<std::vector<int32_t>> shapes = {{1, 4, 4, 2}, {1, 4, 4, 2}, {1, 2, 2, 2},
                                                    {2},          {1, 2},       {1, 2}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    graph.tensors.push_back(std::make_unique<tflite::TensorT>());
    tflite::TensorT& tensor = *graph.tensors.back();
    tensor.name = "t" + std::to_string(i);
    tensor.shape = shapes[i];
    tensor.type = i == 3 ? tflite::TensorType_INT32 : tflite::TensorType_INT8;
    tensor.buffer = i == 3 ? 1 : 0;
    if (i == 3) continue;
    tensor.quantization = std::make_unique<tflite::QuantizationT>();
    tensor.quantization->scale = {i == 5 ? 1.0f / 256 : 0.5f};
    tensor.quantization->zero_point = {i == 5 ? -128 : 3};
  }
  graph.inputs = {0};
  graph.outputs = {5};
  const std::vector<std::vector<int32_t>> inputs = {{0, 0}, {1}, {2, 3}, {4}};
  const int32_t outputs[] = {1, 2, 4, 5};
  for (uint32_t i = 0; i < 4; ++i) {
    graph.operators.push_back(std::make_unique<tflite::OperatorT>());
    graph.operators.back()->opcode_index = i;
    graph.operators.back()->inputs = inputs[i];
    graph.operators.back()->outputs = {outputs[i]};
  }
  auto* pool = new tflite::Pool2DOptionsT();  // the unions delete them
  pool->stride_h = pool->stride_w = pool->filter_height = pool->filter_width = 2;
  pool->activation = tflite::Activation_RELU6;
  graph.operators[1]->options.type = tflite::Options_Pool2DOptions;
  graph.operators[1]->options.value = pool;
  auto* softmax = new tflite::SoftmaxOptionsT();
  softmax->beta = 1.0f;
  graph.operators[3]->options.type = tflite::Options_SoftmaxOptions;
  graph.operators[3]->options.value = softmax;
  return model;
}

int64_t IntOf(const GraphNode& node, const std::string& name) {
  for (const GraphAttribute& attribute : node.attributes) {
    if (attribute.name == name) return std::get<int64_t>(attribute.value);
  }
  return INT64_MIN;
}

TEST(TfliteTest, CodesStayCodes) {
  const auto source = LoadBytes(BytesOf(CodesModel()));
  ASSERT_TRUE(source.ok()) << source.status();
  const Graph& graph = *(*source)->graph;
  std::vector<std::string> ops;
  for (const GraphNode& node : graph.nodes) {
    ops.push_back(node.op);
    EXPECT_EQ(graph.values[static_cast<size_t>(node.operands.back())].type, KL_TYPE_I8);
  }
  EXPECT_THAT(ops, ElementsAre("add_quantized", "transpose", "average_pool2d", "reduce_quantized",
                               "reshape", "softmax_quantized"));
  EXPECT_EQ(IntOf(graph.nodes[0], "fixed_point"), 1);
  // RELU6 of scale 0.5 and zero point 3: from 0 to 6.
  EXPECT_EQ(IntOf(graph.nodes[2], "minimum"), 3);
  EXPECT_EQ(IntOf(graph.nodes[2], "maximum"), 15);
}

TEST(TfliteTest, AnAverageOfAnotherScaleIsComputedInFloat) {
  tflite::ModelT model = CodesModel();
  model.subgraphs[0]->tensors[2]->quantization->scale = {0.25f};
  const auto source = LoadBytes(BytesOf(model));
  ASSERT_TRUE(source.ok()) << source.status();
  std::vector<std::string> ops;
  for (const GraphNode& node : (*source)->graph->nodes) ops.push_back(node.op);
  EXPECT_THAT(ops, testing::Contains("quantize_linear"));
}

// x [1, 4] times w [2, 4], i8.
tflite::ModelT ConnectedModel(std::vector<float> w_scales) {
  tflite::ModelT model;
  model.version = 3;
  model.operator_codes.push_back(std::make_unique<tflite::OperatorCodeT>());
  model.operator_codes.back()->deprecated_builtin_code = 9;
  model.operator_codes.back()->builtin_code = 9;
  for (int i = 0; i < 2; ++i) model.buffers.push_back(std::make_unique<tflite::BufferT>());
  model.buffers[1]->data.assign(8, 1);
  model.subgraphs.push_back(std::make_unique<tflite::SubGraphT>());
  tflite::SubGraphT& graph = *model.subgraphs[0];
  const std::vector<std::vector<int32_t>> shapes = {{1, 4}, {2, 4}, {1, 2}};
  const std::vector<std::vector<float>> scales = {{0.1f}, std::move(w_scales), {0.5f}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    graph.tensors.push_back(std::make_unique<tflite::TensorT>());
    tflite::TensorT& tensor = *graph.tensors.back();
    tensor.name = "t" + std::to_string(i);
    tensor.shape = shapes[i];
    tensor.type = tflite::TensorType_INT8;
    tensor.buffer = i == 1 ? 1 : 0;
    tensor.quantization = std::make_unique<tflite::QuantizationT>();
    tensor.quantization->scale = scales[i];
  }
  graph.inputs = {0};
  graph.outputs = {2};
  graph.operators.push_back(std::make_unique<tflite::OperatorT>());
  graph.operators.back()->inputs = {0, 1};
  graph.operators.back()->outputs = {2};
  graph.operators.back()->options.type = tflite::Options_FullyConnectedOptions;
  graph.operators.back()->options.value =
      new tflite::FullyConnectedOptionsT();  // the union deletes it
  return model;
}

// Constant f32 operand `operand` of the graph's only convolution.
std::vector<float> ScalesOf(const ModelSource& source, size_t operand) {
  for (const GraphNode& node : source.graph->nodes) {
    if (node.op != "conv2d_quantized") continue;
    const SourceTensor* tensor =
        source.Find(source.graph->values[static_cast<size_t>(node.operands[operand])].name);
    const float* data = reinterpret_cast<const float*>(tensor->data);
    return std::vector<float>(data, data + tensor->bytes / sizeof(float));
  }
  return {};
}

TEST(TfliteTest, AFullyConnectedLayersOneScaleIsMultipliedInF32AsTfliteDoes) {
  const auto source = LoadBytes(BytesOf(ConnectedModel({0.3f})));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(ScalesOf(**source, 1), ElementsAre(0.1f * 0.3f));
  EXPECT_THAT(ScalesOf(**source, 4), ElementsAre(1.0f));
}

TEST(TfliteTest, ScalesOfChannelsStayApart) {
  tflite::ModelT model = ConnectedModel({0.3f, 0.7f});
  const auto source = LoadBytes(BytesOf(model));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(ScalesOf(**source, 1), ElementsAre(0.1f));
  EXPECT_THAT(ScalesOf(**source, 4), ElementsAre(0.3f, 0.7f));
}

TEST(TfliteTest, EveryTruncationIsRefused) {
  const std::string bytes = BytesOf(Model());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::Status status = LoadBytes(bytes.substr(0, size)).status();
    EXPECT_FALSE(status.ok()) << size << " of " << bytes.size() << " bytes";
    EXPECT_FALSE(status.message().empty());
  }
}

TEST(TfliteTest, SpoiltBytesNeverCrash) {
  const std::string bytes = BytesOf(Model());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string spoilt = bytes;
      spoilt[at] = static_cast<char>(value);
      const auto source = LoadBytes(spoilt);
      if (!source.ok()) {
        EXPECT_FALSE(source.status().message().empty());
      }
    }
  }
}

struct Case {
  std::string name;
  std::function<void(tflite::ModelT*)> spoil;
  std::string message;
};

class TfliteRefusalTest : public testing::TestWithParam<Case> {};

TEST_P(TfliteRefusalTest, SaysWhatIsWrong) {
  tflite::ModelT model = Model();
  GetParam().spoil(&model);
  const absl::Status status = LoadBytes(BytesOf(model)).status();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

tflite::SubGraphT& Graph0(tflite::ModelT* model) { return *model->subgraphs[0]; }

INSTANTIATE_TEST_SUITE_P(
    Files, TfliteRefusalTest,
    testing::Values(
        Case{"UnknownOperator", [](tflite::ModelT* m) { m->operator_codes[2]->builtin_code = 99; },
             "99"},
        Case{"CustomOperator",
             [](tflite::ModelT* m) {
               m->operator_codes[2]->builtin_code = 32;
               m->operator_codes[2]->custom_code = "MyOp";
             },
             "CUSTOM MyOp is not supported"},
        Case{"NoSubgraph", [](tflite::ModelT* m) { m->subgraphs.clear(); }, "expected a graph"},
        Case{"NoOutput", [](tflite::ModelT* m) { Graph0(m).outputs.clear(); }, "an output"},
        Case{"SchemaVersion", [](tflite::ModelT* m) { m->version = 2; }, "schema version 2"},
        Case{"Cycle", [](tflite::ModelT* m) { Graph0(m).operators[0]->inputs[0] = 4; },
             "inputs that earlier operators make"},
        Case{"TensorOutside", [](tflite::ModelT* m) { Graph0(m).operators[0]->inputs[0] = 7; },
             "tensors from 0 to 4"},
        Case{"TwoMakers", [](tflite::ModelT* m) { Graph0(m).operators[1]->outputs[0] = 2; },
             "outputs of its own"},
        Case{"OperatorCodeOutside",
             [](tflite::ModelT* m) { Graph0(m).operators[0]->opcode_index = 9; },
             "an operator code that exists"},
        Case{"BufferOutside", [](tflite::ModelT* m) { Graph0(m).tensors[1]->buffer = 9; },
             "a buffer that exists"},
        Case{"MissingWeights", [](tflite::ModelT* m) { m->buffers[1]->data.clear(); },
             "inputs that earlier operators make"},
        Case{"ShortWeights", [](tflite::ModelT* m) { m->buffers[1]->data.resize(15); },
             "16 bytes for shape [2, 1, 1, 2]"},
        Case{"NegativeDimension", [](tflite::ModelT* m) { Graph0(m).tensors[0]->shape[1] = -3; },
             "dimension 1 of -3"},
        Case{"HugeShape",
             [](tflite::ModelT* m) {
               Graph0(m).tensors[0]->shape = {1, 2147483647, 2147483647, 2147483647};
             },
             "2^40 elements"},
        Case{"TextTensor",
             [](tflite::ModelT* m) { Graph0(m).tensors[0]->type = tflite::TensorType_STRING; },
             "element type"},
        Case{"WholeNumbersIntoConvolution",
             [](tflite::ModelT* m) { Graph0(m).tensors[0]->type = tflite::TensorType_INT32; },
             "floats or quantised data"},
        Case{"WrongOutputShape",
             [](tflite::ModelT* m) {
               Graph0(m).tensors[2]->shape = {1, 3, 2, 3};
             },
             "an output f32"},
        Case{"ZeroStride",
             [](tflite::ModelT* m) {
               Graph0(m).operators[0]->options.AsConv2DOptions()->stride_h = 0;
             },
             "strides, dilations and kernels from 1"},
        Case{"NoOptions", [](tflite::ModelT* m) { Graph0(m).operators[0]->options.Reset(); },
             "its options"},
        Case{"ChannelsDiffer",
             [](tflite::ModelT* m) {
               Graph0(m).tensors[0]->shape = {1, 3, 3, 3};
             },
             "weights for 3 channels"}),
    [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace kinglet
