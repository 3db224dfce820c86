#include <onnx/onnx_pb.h>

#include <string>

#include "gtest/gtest.h"

namespace {

onnx::ModelProto ReluModel() {
  onnx::ModelProto model;
  model.set_ir_version(onnx::IR_VERSION);
  onnx::OperatorSetIdProto* operators = model.add_opset_import();
  operators->set_domain("");
  operators->set_version(13);
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_name("relu");
  onnx::NodeProto* node = graph->add_node();
  node->set_op_type("Relu");
  node->add_input("x");
  node->add_output("y");
  onnx::TensorProto* weight = graph->add_initializer();
  weight->set_name("w");
  weight->set_data_type(onnx::TensorProto::FLOAT);
  weight->add_dims(2);
  weight->add_float_data(0.5f);
  weight->add_float_data(-1.5f);
  return model;
}

TEST(OnnxProtoTest, ModelSurvivesARoundTrip) {
  std::string bytes;
  ASSERT_TRUE(ReluModel().SerializeToString(&bytes));
  onnx::ModelProto read;
  ASSERT_TRUE(read.ParseFromString(bytes));
  ASSERT_EQ(read.graph().node_size(), 1);
  EXPECT_EQ(read.graph().node(0).op_type(), "Relu");
  EXPECT_EQ(read.opset_import(0).version(), 13);
  ASSERT_EQ(read.graph().initializer(0).float_data_size(), 2);
  EXPECT_EQ(read.graph().initializer(0).float_data(1), -1.5f);
}

TEST(OnnxProtoTest, TruncatedBytesAreRefused) {
  std::string bytes;
  ASSERT_TRUE(ReluModel().SerializeToString(&bytes));
  bytes.resize(bytes.size() - 3);
  onnx::ModelProto read;
  EXPECT_FALSE(read.ParseFromString(bytes));
}

}  // namespace
