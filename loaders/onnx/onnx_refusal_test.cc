// Files that must be refused, with a message that says what is wrong; never a crash.
#include <random>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loaders/onnx/onnx_test_builder.h"
#include "loaders/registry.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

absl::Status Refusal(const std::string& bytes) {
  const TempFolder folder;
  return LoadSource(folder.Write("model.onnx", bytes), AllLoaders()).status();
}

// Without a name, for thousands of files.
absl::Status RefusalOfBytes(const std::string& bytes) {
  const MemoryFile file(bytes);
  return LoadSource(file.path(), AllLoaders()).status();
}

struct Case {
  std::string name;
  OnnxBuilder builder;
  std::string message;
};

std::string NameOf(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class OnnxRefusalTest : public testing::TestWithParam<Case> {};

TEST_P(OnnxRefusalTest, SaysWhatIsWrong) {
  const absl::Status status = Refusal(GetParam().builder.Bytes());
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
  EXPECT_THAT(std::string(status.message()), HasSubstr("model.onnx"));
}

OnnxBuilder WithInput() { return OnnxBuilder().Input("x", {1, 2, 4, 4}); }

// x + k, with the initialiser k as given.
OnnxBuilder WithTensor(const std::vector<int64_t>& shape, const std::string& raw_data,
                       int type = onnx::TensorProto::FLOAT) {
  OnnxBuilder builder;
  builder.Tensor("k", shape, type)->set_raw_data(raw_data);
  builder.Input("x", {2}).Node("Add", {"x", "k"}, "y").Output("y");
  return builder;
}

OnnxBuilder WithExternal(const std::string& location, int64_t length = 2) {
  OnnxBuilder builder;
  onnx::TensorProto* tensor = builder.Tensor("k", {length}, onnx::TensorProto::FLOAT);
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  onnx::StringStringEntryProto* entry = tensor->add_external_data();
  entry->set_key("location");
  entry->set_value(location);
  builder.Input("x", {length}).Node("Add", {"x", "k"}, "y").Output("y");
  return builder;
}

OnnxBuilder WithWindow(const std::string& name, std::vector<int64_t> values) {
  return WithInput()
      .Filled("w", {2, 2, 3, 3}, 1.0f)
      .Node("Conv", {"x", "w"}, "y")
      .Attribute(name, std::move(values))
      .Output("y");
}

std::vector<Case> Cases() {
  constexpr int64_t kHuge = int64_t{1} << 40;
  std::vector<Case> cases = {
      {"UnknownOperator", WithInput().Node("NonZero", {"x"}, "y").Output("y"),
       "NonZero is not supported"},
      {"UnknownOperatorsNode", WithInput().Node("NonZero", {"x"}, "y").Output("y"), "node_y"},
      {"OperatorSetTooOld", OnnxBuilder(6).Input("x", {1}).Node("Relu", {"x"}, "y").Output("y"),
       "operator set 6"},
      {"OperatorSetTooNew", OnnxBuilder(99).Input("x", {1}).Node("Relu", {"x"}, "y").Output("y"),
       "operator set 99"},
      {"NoOutput", WithInput().Node("Relu", {"x"}, "y"), "expected an output"},
      {"MissingOutput", WithInput().Node("Relu", {"x"}, "y").Output("z"), "a value \"z\""},
      {"MissingInput", WithInput().Node("Relu", {"ghost"}, "y").Output("y"), "a value \"ghost\""},
      {"MissingInitialiser", WithInput().Node("Conv", {"x", "w"}, "y").Output("y"),
       "a value \"w\""},
      {"NoInputs", WithInput().Node("Relu", {}, "y").Output("y"), "expected an input 0"},
      {"Cycle", WithInput().Node("Add", {"x", "b"}, "a").Node("Relu", {"a"}, "b").Output("b"),
       "depends on itself"},
      {"OwnInput", WithInput().Node("Relu", {"y"}, "y").Output("y"), "depends on itself"},
      {"TwoMakers", WithInput().Node("Relu", {"x"}, "y").Node("Relu", {"x"}, "y").Output("y"),
       "exists already"},
      {"RawDataTooShort", WithTensor({2}, std::string(7, '\0')), "8 bytes of data"},
      {"RawDataTooLong", WithTensor({2}, std::string(9, '\0')), "8 bytes of data"},
      {"NegativeDimension", WithTensor({-2}, std::string(8, '\0')), "dimensions of 0 or more"},
      {"HugeDimension", WithTensor({kHuge, kHuge}, ""), "at most 2^40 bytes"},
      {"HugeDimensionTimesZero", WithTensor({kHuge, kHuge, 0}, ""), "at most 2^40 bytes"},
      {"TextTensor", WithTensor({2}, "", onnx::TensorProto::STRING), "element type 8"},
      {"ExternalOutside", WithExternal("../secret"), "external data"},
      {"ExternalAbsolute", WithExternal("/etc/passwd"), "inside the model's folder"},
      {"ExternalMissing", WithExternal("nowhere.bin"), "missing"},
      {"ExternalTooShort", WithExternal("model.onnx", 1000), "4000 bytes of external data"},
      {"FreeInnerDimension", OnnxBuilder().Input("x", {1, -1}).Node("Relu", {"x"}, "y").Output("y"),
       "dimension 1 is free"},
      {"HugeInput", OnnxBuilder().Input("x", {kHuge, kHuge}).Node("Relu", {"x"}, "y").Output("y"),
       "2^40 bytes"},
      {"RankTooHigh",
       OnnxBuilder().Input("x", {1, 1, 1, 1, 1, 1, 1}).Node("Relu", {"x"}, "y").Output("y"),
       "at most 6 dimensions"},
      {"WholeNumbersIntoSqrt",
       OnnxBuilder().Input("x", {2}, onnx::TensorProto::INT64).Node("Sqrt", {"x"}, "y").Output("y"),
       "floats as input 0"},
      {"ZeroStride", WithWindow("strides", {0, 1}), "strides from 1"},
      {"NegativePad", WithWindow("pads", {-1, 0, 0, 0}), "pads from 0"},
      {"HugePad", WithWindow("pads", {0, 0, kHuge, 0}), "pads from 0"},
      {"HugeDilation", WithWindow("dilations", {kHuge, 1}), "dilations from 1"},
      {"WindowTooLarge", WithWindow("dilations", {9, 1}), "a window of 19 fits"},
      {"ThreePads", WithWindow("pads", {0, 0, 0}), "4 whole numbers"},
      {"KernelShapeDiffers", WithWindow("kernel_shape", {3, 2}), "as the weights have it"},
      {"ChannelsDiffer",
       WithInput().Filled("w", {2, 3, 1, 1}, 1.0f).Node("Conv", {"x", "w"}, "y").Output("y"),
       "channels that 1 groups divide"},
      {"ZeroGroups",
       WithInput()
           .Filled("w", {2, 2, 1, 1}, 1.0f)
           .Node("Conv", {"x", "w"}, "y")
           .Attribute("group", int64_t{0})
           .Output("y"),
       "0 groups"},
      {"AttributeOfAnotherKind",
       WithInput()
           .Filled("w", {2, 2, 1, 1}, 1.0f)
           .Node("Conv", {"x", "w"}, "y")
           .Attribute("group", "one")
           .Output("y"),
       "attribute group to be a whole number"},
      {"ShapesDoNotBroadcast",
       WithInput().Filled("k", {3}, 1.0f).Node("Add", {"x", "k"}, "y").Output("y"),
       "shapes that broadcast"},
      {"ReshapeToAnotherCount",
       WithInput().Ints("s", {5, 5}).Node("Reshape", {"x", "s"}, "y").Output("y"),
       "as many elements"},
      {"ReshapeWithTwoOpenDimensions",
       WithInput().Ints("s", {-1, -1}).Node("Reshape", {"x", "s"}, "y").Output("y"),
       "at most one -1"},
      {"ReshapeOverflow",
       WithInput().Ints("s", {kHuge, kHuge, -1}).Node("Reshape", {"x", "s"}, "y").Output("y"),
       "dimensions of 0 or more"},
      {"ReshapeByAnInput",
       WithInput()
           .Input("s", {2}, onnx::TensorProto::INT64)
           .Node("Reshape", {"x", "s"}, "y")
           .Output("y"),
       "must be constant"},
      {"SqueezeOfALargeAxis",
       WithInput().Ints("a", {1}).Node("Squeeze", {"x", "a"}, "y").Output("y"), "axes of size 1"},
      {"AxisOutside", WithInput().Ints("a", {9}).Node("Squeeze", {"x", "a"}, "y").Output("y"),
       "an axis within 4 dimensions"},
      {"PermutationWithADouble",
       WithInput()
           .Node("Transpose", {"x"}, "y")
           .Attribute("perm", std::vector<int64_t>{0, 1, 1, 2})
           .Output("y"),
       "each axis once"},
      {"GatherOutside",
       OnnxBuilder().Ints("d", {1, 2}).Ints("i", {5}).Node("Gather", {"d", "i"}, "y").Output("y"),
       "an axis within 2"},
      {"MatricesDisagree",
       OnnxBuilder()
           .Input("a", {2, 3})
           .Input("b", {4, 2})
           .Node("MatMul", {"a", "b"}, "y")
           .Output("y"),
       "inner dimensions agree"},
      {"PadThatCutsTooMuch",
       WithInput().Ints("p", {0, 0, -99, 1, 0, 0, 1, 1}).Node("Pad", {"x", "p"}, "y").Output("y"),
       "pads that cut off no more"},
  };
  OnnxBuilder indices = WithInput();
  indices.Node("MaxPool", {"x"}, "y").Attribute("kernel_shape", std::vector<int64_t>{2, 2});
  indices.graph().mutable_node(0)->add_output("indices");
  cases.push_back({"SecondOutput", indices.Output("y").Output("indices"), "output 1 is used"});
  OnnxBuilder domain = WithInput().Node("Relu", {"x"}, "y").Output("y");
  domain.graph().mutable_node(0)->set_domain("com.example");
  cases.push_back({"OtherDomain", domain, "com.example.Relu is not supported"});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Files, OnnxRefusalTest, testing::ValuesIn(Cases()), NameOf);

std::string RightModel() {
  return WithInput()
      .Filled("w", {2, 2, 3, 3}, 1.0f)
      .Node("Conv", {"x", "w"}, "c")
      .Ints("s", {1, -1})
      .Node("Reshape", {"c", "s"}, "r")
      .Node("Softmax", {"r"}, "y")
      .Output("y")
      .Bytes();
}

TEST(OnnxSpoiltFileTest, EveryTruncationIsRefused) {
  const std::string bytes = RightModel();
  ASSERT_TRUE(RefusalOfBytes(bytes).ok());
  for (size_t length = 1; length < bytes.size(); ++length) {
    EXPECT_FALSE(RefusalOfBytes(bytes.substr(0, length)).ok()) << length;
  }
}

TEST(OnnxSpoiltFileTest, SpoiltBytesNeverCrash) {
  const std::string bytes = RightModel();
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string spoilt = bytes;
    for (int i = 0; i < 3; ++i) spoilt[random() % spoilt.size()] = static_cast<char>(random());
    const absl::Status status = RefusalOfBytes(spoilt);
    EXPECT_LT(status.message().size(), 2000u);
  }
}

}  // namespace
}  // namespace kinglet
