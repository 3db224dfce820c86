// What nodes of ONNX become: operators, shapes, attributes, what is fused and what is computed.
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loaders/onnx/onnx_test_builder.h"
#include "loaders/registry.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

std::unique_ptr<ModelSource> Load(const OnnxBuilder& builder) {
  const TempFolder folder;
  auto source = LoadSource(folder.Write("model.onnx", builder.Bytes()), AllLoaders());
  EXPECT_TRUE(source.ok()) << source.status();
  return source.ok() ? *std::move(source) : nullptr;
}

std::vector<std::string> Ops(const ModelSource& source) {
  std::vector<std::string> ops;
  for (const GraphNode& node : source.graph->nodes) ops.push_back(node.op);
  return ops;
}

template <typename T>
T AttributeOf(const GraphNode& node, const std::string& name) {
  for (const GraphAttribute& attribute : node.attributes) {
    if (attribute.name == name) return std::get<T>(attribute.value);
  }
  ADD_FAILURE() << "no attribute " << name;
  return T();
}

const GraphValue& OutputOf(const ModelSource& source, size_t node) {
  return source.graph->values[source.graph->nodes[node].operands.back()];
}

std::vector<float> FloatsOf(const ModelSource& source, int32_t value) {
  const SourceTensor* tensor = source.Find(source.graph->values[value].name);
  if (tensor == nullptr) return {};
  const float* data = reinterpret_cast<const float*>(tensor->data);
  return std::vector<float>(data, data + tensor->bytes / sizeof(float));
}

OnnxBuilder Convolution() {
  return OnnxBuilder()
      .Input("x", {-1, 2, 5, 5})
      .Filled("w", {3, 2, 3, 3}, 1.0f)
      .Node("Conv", {"x", "w"}, "c");
}

TEST(OnnxTranslationTest, AFreeBatchIsOneAndDefaultsAreResolved) {
  const auto source = Load(Convolution().Output("c"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(source->graph->values[source->graph->inputs[0]].shape, ElementsAre(1, 2, 5, 5));
  EXPECT_THAT(OutputOf(*source, 0).shape, ElementsAre(1, 3, 3, 3));
  const GraphNode& node = source->graph->nodes[0];
  EXPECT_THAT(AttributeOf<std::vector<int64_t>>(node, "pads"), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(AttributeOf<std::vector<int64_t>>(node, "strides"), ElementsAre(1, 1));
  EXPECT_EQ(AttributeOf<int64_t>(node, "group"), 1);
  EXPECT_EQ(AttributeOf<double>(node, "maximum"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(node.operands[2], -1) << "no bias";
}

TEST(OnnxTranslationTest, AutoPadBecomesPads) {
  for (const bool upper : {true, false}) {
    const auto source = Load(OnnxBuilder()
                                 .Input("x", {1, 1, 5, 6})
                                 .Filled("w", {1, 1, 3, 3}, 1.0f)
                                 .Node("Conv", {"x", "w"}, "c")
                                 .Attribute("auto_pad", upper ? "SAME_UPPER" : "SAME_LOWER")
                                 .Attribute("strides", std::vector<int64_t>{2, 2})
                                 .Output("c"));
    ASSERT_NE(source, nullptr);
    EXPECT_THAT(OutputOf(*source, 0).shape, ElementsAre(1, 1, 3, 3));
    const auto pads = AttributeOf<std::vector<int64_t>>(source->graph->nodes[0], "pads");
    if (upper) {
      EXPECT_THAT(pads, ElementsAre(1, 0, 1, 1));
    } else {
      EXPECT_THAT(pads, ElementsAre(1, 1, 1, 0));
    }
  }
}

TEST(OnnxTranslationTest, NormalisationAndReluGoIntoTheConvolution) {
  const auto source = Load(Convolution()
                               .Floats("s", {3}, {1, 2, 3})
                               .Floats("b", {3}, {10, 20, 30})
                               .Floats("m", {3}, {1, 1, 1})
                               .Floats("v", {3}, {4, 4, 4})
                               .Node("BatchNormalization", {"c", "s", "b", "m", "v"}, "n")
                               .Attribute("epsilon", 0.0f)
                               .Node("Relu", {"n"}, "y")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  ASSERT_THAT(Ops(*source), ElementsAre("conv2d"));
  const GraphNode& node = source->graph->nodes[0];
  EXPECT_EQ(OutputOf(*source, 0).name, "y");
  EXPECT_EQ(AttributeOf<double>(node, "minimum"), 0.0);
  EXPECT_THAT(FloatsOf(*source, node.operands[2]), ElementsAre(9.5f, 19.0f, 28.5f));
  const std::vector<float> weights = FloatsOf(*source, node.operands[1]);
  ASSERT_EQ(weights.size(), 54u);
  EXPECT_THAT(weights[0], FloatEq(0.5f));
  EXPECT_THAT(weights[53], FloatEq(1.5f));
}

TEST(OnnxTranslationTest, NormalisationGoesIntoGemmColumns) {
  const auto source = Load(OnnxBuilder()
                               .Input("x", {1, 2})
                               .Floats("w", {2, 2}, {1, 2, 3, 4})
                               .Node("Gemm", {"x", "w"}, "g")
                               .Floats("s", {2}, {2, 10})
                               .Filled("z", {2}, 0.0f)
                               .Filled("v", {2}, 1.0f)
                               .Node("BatchNormalization", {"g", "s", "z", "z", "v"}, "y")
                               .Attribute("epsilon", 0.0f)
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  ASSERT_THAT(Ops(*source), ElementsAre("gemm"));
  EXPECT_THAT(FloatsOf(*source, source->graph->nodes[0].operands[1]), ElementsAre(2, 20, 6, 40));
}

TEST(OnnxTranslationTest, NothingIsFusedIntoAResultThatIsReadTwice) {
  const auto source =
      Load(Convolution().Node("Relu", {"c"}, "r").Node("Add", {"c", "r"}, "y").Output("y"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("conv2d", "relu", "add"));
}

TEST(OnnxTranslationTest, AConvolutionThatIsAnOutputKeepsItsValue) {
  const auto source = Load(Convolution().Node("Relu", {"c"}, "y").Output("c").Output("y"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("conv2d", "relu"));
}

TEST(OnnxTranslationTest, ASecondClampStaysANode) {
  const auto source = Load(Convolution()
                               .Node("Relu", {"c"}, "r")
                               .Floats("low", {}, {-1})
                               .Floats("high", {}, {6})
                               .Node("Clip", {"r", "low", "high"}, "y")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("conv2d", "clip"));
}

TEST(OnnxTranslationTest, PadBecomesPartOfTheWindow) {
  const auto source = Load(OnnxBuilder()
                               .Input("x", {1, 1, 4, 4})
                               .Ints("pads", {0, 0, 1, 2, 0, 0, 3, 4})
                               .Node("Pad", {"x", "pads"}, "p")
                               .Filled("w", {1, 1, 2, 2}, 1.0f)
                               .Node("Conv", {"p", "w"}, "y")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  ASSERT_THAT(Ops(*source), ElementsAre("conv2d"));
  EXPECT_THAT(AttributeOf<std::vector<int64_t>>(source->graph->nodes[0], "pads"),
              ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(OutputOf(*source, 0).shape, ElementsAre(1, 1, 7, 9));
}

TEST(OnnxTranslationTest, ArithmeticOnShapesIsDoneAtLoad) {
  // x.reshape(x.shape[0], -1), as PyTorch exports it.
  const auto source = Load(OnnxBuilder()
                               .Input("x", {-1, 3, 4})
                               .Ints("zero", {0})
                               .Ints("axes", {0})
                               .Ints("rest", {-1})
                               .Node("Shape", {"x"}, "shape")
                               .Node("Gather", {"shape", "zero"}, "batch")
                               .Node("Squeeze", {"batch", "axes"}, "scalar")
                               .Node("Unsqueeze", {"scalar", "axes"}, "vector")
                               .Node("Cast", {"vector"}, "small")
                               .Attribute("to", int64_t{onnx::TensorProto::INT32})
                               .Node("Cast", {"small"}, "wide")
                               .Attribute("to", int64_t{onnx::TensorProto::INT64})
                               .Node("Concat", {"wide", "rest"}, "target")
                               .Attribute("axis", int64_t{0})
                               .Node("Reshape", {"x", "target"}, "y")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("reshape"));
  EXPECT_THAT(OutputOf(*source, 0).shape, ElementsAre(1, 12));
}

TEST(OnnxTranslationTest, MatMulWithAConstantMatrixBecomesALayer) {
  const auto source = Load(OnnxBuilder()
                               .Input("x", {2, 3})
                               .Floats("w", {3, 2}, {1, 2, 3, 4, 5, 6})
                               .Node("MatMul", {"x", "w"}, "y")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  ASSERT_THAT(Ops(*source), ElementsAre("matmul"));
  EXPECT_THAT(FloatsOf(*source, source->graph->nodes[0].operands[1]),
              ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST(OnnxTranslationTest, MatMulOfVectorsLosesTheirDimensions) {
  const auto source = Load(OnnxBuilder()
                               .Input("a", {3})
                               .Input("b", {5, 3, 2})
                               .Node("MatMul", {"a", "b"}, "y")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("reshape", "batch_matmul", "reshape"));
  EXPECT_THAT(OutputOf(*source, 2).shape, ElementsAre(5, 2));
}

TEST(OnnxTranslationTest, SoftmaxBeforeOperatorSet13RunsOverAllThatFollowsTheAxis) {
  for (const int64_t opset : {11, 13}) {
    const auto source = Load(OnnxBuilder(opset)
                                 .Input("x", {2, 3, 4})
                                 .Node("Softmax", {"x"}, "y")
                                 .Attribute("axis", int64_t{1})
                                 .Output("y"));
    ASSERT_NE(source, nullptr);
    if (opset == 11) {
      EXPECT_THAT(Ops(*source), ElementsAre("reshape", "softmax", "reshape"));
      EXPECT_THAT(OutputOf(*source, 1).shape, ElementsAre(2, 12));
    } else {
      EXPECT_THAT(Ops(*source), ElementsAre("softmax"));
      EXPECT_EQ(AttributeOf<int64_t>(source->graph->nodes[0], "axis"), 1);
    }
  }
}

TEST(OnnxTranslationTest, PoolingRoundsUpOnlyWhereTheWindowBeginsInside) {
  const auto source = Load(OnnxBuilder()
                               .Input("x", {1, 1, 4, 5})
                               .Node("MaxPool", {"x"}, "y")
                               .Attribute("kernel_shape", std::vector<int64_t>{1, 2})
                               .Attribute("strides", std::vector<int64_t>{3, 2})
                               .Attribute("pads", std::vector<int64_t>{0, 0, 2, 0})
                               .Attribute("ceil_mode", int64_t{1})
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  // Height: the third window would begin at row 6 of 4. Width: the third begins at column 4 of 5.
  EXPECT_THAT(OutputOf(*source, 0).shape, ElementsAre(1, 1, 2, 3));
}

TEST(OnnxTranslationTest, ConstantsAndInputsThatAreOutputsAreCopied) {
  const auto source =
      Load(OnnxBuilder().Input("x", {1, 3}).Floats("k", {2}, {1, 2}).Output("x").Output("k"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("reshape", "reshape"));
  EXPECT_EQ(source->graph->values[source->graph->outputs[1]].name, "k");
  EXPECT_FALSE(source->graph->values[source->graph->outputs[1]].constant);
}

TEST(OnnxTranslationTest, NodesAreOrderedAndUselessOnesLeftOut) {
  const auto source = Load(OnnxBuilder()
                               .Input("x", {1, 3})
                               .Node("Relu", {"later"}, "y")
                               .Node("Add", {"x", "x"}, "later")
                               .Node("Mul", {"x", "x"}, "unused")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("add", "relu"));
}

TEST(OnnxTranslationTest, TensorsBesideTheModelAreRead) {
  const TempFolder folder;
  const float values[] = {0.0f, 1.5f, -2.5f};
  folder.Write("data/weights.bin",
               std::string(reinterpret_cast<const char*>(values), sizeof values));
  OnnxBuilder builder;
  onnx::TensorProto* tensor = builder.Tensor("k", {2}, onnx::TensorProto::FLOAT);
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  const std::pair<const char*, const char*> entries[] = {
      {"location", "data/weights.bin"}, {"offset", "4"}, {"length", "8"}};
  for (const auto& entry : entries) {
    onnx::StringStringEntryProto* added = tensor->add_external_data();
    added->set_key(entry.first);
    added->set_value(entry.second);
  }
  builder.Input("x", {2}).Node("Add", {"x", "k"}, "y").Output("y");
  const auto source = LoadSource(folder.Write("model.onnx", builder.Bytes()), AllLoaders());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(FloatsOf(**source, (*source)->graph->nodes[0].operands[1]), ElementsAre(1.5f, -2.5f));
}

OnnxBuilder Quantised() {
  OnnxBuilder builder;
  builder.Input("a", {1, 4, 6, 6}, onnx::TensorProto::INT8)
      .Input("b", {1, 4, 6, 6}, onnx::TensorProto::INT8)
      .Floats("s", {}, {0.1f})
      .Floats("t", {}, {0.2f});
  builder.Tensor("z", {}, onnx::TensorProto::INT8)->add_int32_data(3);
  return builder.Node("DequantizeLinear", {"a", "s", "z"}, "ra")
      .Node("DequantizeLinear", {"b", "t", "z"}, "rb");
}

TEST(QuantizedFusionTest, FloatsBetweenCodesBecomeOperatorsOfCodes) {
  const auto source = Load(Quantised()
                               .Node("Add", {"ra", "rb"}, "sum")
                               .Node("QuantizeLinear", {"sum", "t", "z"}, "sum_codes")
                               .Node("DequantizeLinear", {"sum_codes", "t", "z"}, "r")
                               .Node("MaxPool", {"r"}, "pool")
                               .Attribute("kernel_shape", std::vector<int64_t>{2, 2})
                               .Node("QuantizeLinear", {"pool", "t", "z"}, "pool_codes")
                               .Node("DequantizeLinear", {"pool_codes", "t", "z"}, "p")
                               .Node("GlobalAveragePool", {"p"}, "mean")
                               .Node("QuantizeLinear", {"mean", "s", "z"}, "y")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("add_quantized", "max_pool2d", "reduce_quantized"));
  EXPECT_EQ(source->graph->nodes[0].operands.size(), 9u);
  EXPECT_EQ(OutputOf(*source, 1).type, KL_TYPE_I8);
  EXPECT_EQ(AttributeOf<std::string>(source->graph->nodes[2], "kind"), "mean");
}

TEST(QuantizedFusionTest, WhatSomebodyElseReadsStaysFloat) {
  const auto source = Load(Quantised()
                               .Node("Mul", {"ra", "rb"}, "product")
                               .Node("QuantizeLinear", {"product", "t", "z"}, "y")
                               .Output("y")
                               .Output("product"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source),
              ElementsAre("dequantize_linear", "dequantize_linear", "mul", "quantize_linear"));
}

TEST(QuantizedFusionTest, CodesOfAnotherScaleDoNotMove) {
  const auto source = Load(Quantised()
                               .Node("MaxPool", {"ra"}, "pool")
                               .Attribute("kernel_shape", std::vector<int64_t>{2, 2})
                               .Node("QuantizeLinear", {"pool", "t", "z"}, "y")
                               .Output("y"));
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(Ops(*source), ElementsAre("dequantize_linear", "max_pool2d", "quantize_linear"));
}

}  // namespace
}  // namespace kinglet
