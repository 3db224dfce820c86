// Operator cases of the ONNX project (testdata/onnx-node), each a model of one node with inputs and
// expected outputs: all run and agree, with parameters (axes, shapes, limits, ..) as inputs of the
// network, as the files have them, and as constants, as networks have them.
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>

#include "gmock/gmock.h"
#include "tests/cnn/network_test.h"
#include "tests/support/temp_folder.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

// Operands that a network has as constants although these models have them as inputs.
const std::map<std::string, std::set<int>>& Parameters() {
  static const std::map<std::string, std::set<int>> parameters = {
      {"Clip", {1, 2}},
      {"Concat", {0, 1}},
      {"Expand", {1}},
      {"Gather", {1}},
      {"MatMul", {1}},
      {"Pad", {1, 2}},
      {"QLinearConv", {1, 2, 3, 4, 5, 6, 7}},
      {"QLinearMatMul", {1, 2, 3, 4, 5, 6, 7}},
      {"QuantizeLinear", {1, 2}},
      {"ReduceMean", {1}},
      {"ReduceSum", {1}},
      {"Reshape", {1}},
      {"Resize", {2, 3}},
      {"Slice", {1, 2, 3, 4}},
      {"Squeeze", {1}},
      {"TopK", {1}},
      {"Unsqueeze", {1}},
      {"Where", {0, 1, 2}}};
  return parameters;
}

constexpr int kCaseCount = 67;

template <typename Message>
Message Read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Message message;
  EXPECT_TRUE(file && message.ParseFromIstream(&file)) << path;
  return message;
}

template <typename Stored, typename Field>
std::string BytesAs(const Field& field) {
  std::string bytes;
  for (const auto value : field) {
    const Stored stored = static_cast<Stored>(value);
    bytes.append(reinterpret_cast<const char*>(&stored), sizeof stored);
  }
  return bytes;
}

std::string RawBytes(const onnx::TensorProto& tensor) {
  if (tensor.has_raw_data()) return tensor.raw_data();
  switch (tensor.data_type()) {
    case onnx::TensorProto::INT64:
      return BytesAs<int64_t>(tensor.int64_data());
    case onnx::TensorProto::INT32:
      return BytesAs<int32_t>(tensor.int32_data());
    case onnx::TensorProto::FLOAT16:
      return BytesAs<uint16_t>(tensor.int32_data());
    case onnx::TensorProto::FLOAT:
      return BytesAs<float>(tensor.float_data());
    default:  // u8, i8, bool
      return BytesAs<uint8_t>(tensor.int32_data());
  }
}

struct NodeCase {
  std::filesystem::path folder;
  onnx::ModelProto model;
  const onnx::NodeProto& node() const { return model.graph().node(0); }
  onnx::TensorProto Tensor(const std::string& kind, int index) const {
    return Read<onnx::TensorProto>(folder / "test_data_set_0" /
                                   (kind + "_" + std::to_string(index) + ".pb"));
  }
};

// Makes the inputs that feed the given operands of the only node initialisers. Returns the file
// indices of the inputs that remain.
std::vector<int> Promote(const std::set<int>& operands, NodeCase* node_case) {
  onnx::GraphProto* graph = node_case->model.mutable_graph();
  const onnx::GraphProto original = *graph;
  std::vector<int> remaining;
  graph->clear_input();
  for (int i = 0; i < original.input_size(); ++i) {
    const std::string& name = original.input(i).name();
    bool promoted = false;
    for (const int operand : operands) {
      promoted = promoted || (operand < node_case->node().input_size() &&
                              node_case->node().input(operand) == name);
    }
    if (promoted) {
      onnx::TensorProto tensor = node_case->Tensor("input", i);
      tensor.set_name(name);
      *graph->add_initializer() = tensor;
    } else {
      *graph->add_input() = original.input(i);
      remaining.push_back(i);
    }
  }
  return remaining;
}

void ExpectRuns(kl_runtime* runtime, NodeCase node_case, bool constants) {
  const auto parameters = Parameters().find(node_case.node().op_type());
  const bool promotes = constants && parameters != Parameters().end();
  const std::vector<int> inputs =
      Promote(promotes ? parameters->second : std::set<int>(), &node_case);
  const TempFolder folder;
  const auto network =
      LoadNetwork(runtime, folder.Write("model.onnx", node_case.model.SerializeAsString()));
  ASSERT_NE(network, nullptr);
  ASSERT_EQ(kl_network_input_count(network.get()), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const kl_network_tensor input = NetworkInput(network.get(), static_cast<uint32_t>(i));
    const std::string bytes = RawBytes(node_case.Tensor("input", inputs[i]));
    ASSERT_EQ(input.bytes, bytes.size());
    std::memcpy(input.data, bytes.data(), bytes.size());
  }
  RunNetwork(network.get());
  for (uint32_t i = 0; i < kl_network_output_count(network.get()); ++i) {
    const kl_network_tensor output = NetworkOutput(network.get(), i);
    const onnx::TensorProto expected = node_case.Tensor("output", static_cast<int>(i));
    const std::string bytes = RawBytes(expected);
    ASSERT_EQ(std::vector<int64_t>(output.shape, output.shape + output.rank),
              std::vector<int64_t>(expected.dims().begin(), expected.dims().end()));
    ASSERT_EQ(output.bytes, bytes.size());
    if (expected.data_type() != onnx::TensorProto::FLOAT) {
      EXPECT_EQ(std::memcmp(output.data, bytes.data(), bytes.size()), 0);
      continue;
    }
    const std::vector<float> found = Floats(output);
    for (size_t e = 0; e < found.size(); ++e) {
      float value = 0;
      std::memcpy(&value, bytes.data() + e * sizeof value, sizeof value);
      ASSERT_NEAR(found[e], value, 1e-4 * std::abs(value) + 1e-6) << "element " << e;
    }
  }
}

void RunAllCases(kl_runtime* runtime) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TestDataFolder() + "/onnx-node")) {
    SCOPED_TRACE(entry.path().filename().string());
    NodeCase node_case;
    node_case.folder = entry.path();
    node_case.model = Read<onnx::ModelProto>(entry.path() / "model.onnx");
    ASSERT_EQ(node_case.model.graph().node_size(), 1);
    ++count;
    for (const bool constants : {false, true}) {
      SCOPED_TRACE(constants ? "parameters as constants" : "parameters as inputs");
      ExpectRuns(runtime, node_case, constants);
    }
  }
  EXPECT_EQ(count, kCaseCount);
}

TEST(OnnxNodeTest, CasesAgreeOnTheKernelsThatAreChosen) {
  KL_REQUIRE_TESTDATA();
  RunAllCases(MakeRuntime().get());
}

TEST(OnnxNodeTest, CasesAgreeOnTheReferenceKernels) {
  KL_REQUIRE_TESTDATA();
  RunAllCases(MakeReferenceRuntime().get());
}

}  // namespace
}  // namespace kinglet
