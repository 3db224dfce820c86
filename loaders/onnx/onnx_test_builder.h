// Writes small ONNX models, right and wrong ones, for tests.
#ifndef KINGLET_LOADERS_ONNX_ONNX_TEST_BUILDER_H_
#define KINGLET_LOADERS_ONNX_ONNX_TEST_BUILDER_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kinglet {

class OnnxBuilder {
 public:
  explicit OnnxBuilder(int64_t opset = 13) {
    model_.set_ir_version(7);
    model_.add_opset_import()->set_version(opset);
    graph().set_name("test");
  }

  onnx::ModelProto& model() { return model_; }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  // A dimension of -1 is a name, "batch".
  OnnxBuilder& Input(const std::string& name, const std::vector<int64_t>& shape,
                     int type = onnx::TensorProto::FLOAT) {
    Describe(graph().add_input(), name, shape, type);
    return *this;
  }
  OnnxBuilder& Output(const std::string& name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  OnnxBuilder& Floats(const std::string& name, const std::vector<int64_t>& shape,
                      const std::vector<float>& values) {
    onnx::TensorProto* tensor = Tensor(name, shape, onnx::TensorProto::FLOAT);
    for (const float value : values) tensor->add_float_data(value);
    return *this;
  }
  // All elements alike.
  OnnxBuilder& Filled(const std::string& name, const std::vector<int64_t>& shape, float value) {
    int64_t count = 1;
    for (const int64_t dimension : shape) count *= dimension;
    return Floats(name, shape, std::vector<float>(static_cast<size_t>(count), value));
  }
  OnnxBuilder& Ints(const std::string& name, const std::vector<int64_t>& values) {
    onnx::TensorProto* tensor =
        Tensor(name, {static_cast<int64_t>(values.size())}, onnx::TensorProto::INT64);
    for (const int64_t value : values) tensor->add_int64_data(value);
    return *this;
  }
  onnx::TensorProto* Tensor(const std::string& name, const std::vector<int64_t>& shape, int type) {
    onnx::TensorProto* tensor = graph().add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (const int64_t dimension : shape) tensor->add_dims(dimension);
    return tensor;
  }

  // The node is named after its output; attributes below go to the node added last.
  OnnxBuilder& Node(const std::string& op_type, const std::vector<std::string>& inputs,
                    const std::string& output) {
    onnx::NodeProto* node = graph().add_node();
    node->set_op_type(op_type);
    node->set_name("node_" + output);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    return *this;
  }
  OnnxBuilder& Attribute(const std::string& name, const std::vector<int64_t>& values) {
    onnx::AttributeProto* attribute = NewAttribute(name, onnx::AttributeProto::INTS);
    for (const int64_t value : values) attribute->add_ints(value);
    return *this;
  }
  OnnxBuilder& Attribute(const std::string& name, int64_t value) {
    NewAttribute(name, onnx::AttributeProto::INT)->set_i(value);
    return *this;
  }
  OnnxBuilder& Attribute(const std::string& name, float value) {
    NewAttribute(name, onnx::AttributeProto::FLOAT)->set_f(value);
    return *this;
  }
  OnnxBuilder& Attribute(const std::string& name, const char* value) {
    NewAttribute(name, onnx::AttributeProto::STRING)->set_s(value);
    return *this;
  }

  std::string Bytes() const { return model_.SerializeAsString(); }

 private:
  static void Describe(onnx::ValueInfoProto* value, const std::string& name,
                       const std::vector<int64_t>& shape, int type) {
    value->set_name(name);
    auto* tensor = value->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (const int64_t size : shape) {
      auto* dimension = tensor->mutable_shape()->add_dim();
      if (size == -1) {
        dimension->set_dim_param("batch");
      } else {
        dimension->set_dim_value(size);
      }
    }
  }
  onnx::AttributeProto* NewAttribute(const std::string& name,
                                     onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto* attribute =
        graph().mutable_node(graph().node_size() - 1)->add_attribute();
    attribute->set_name(name);
    attribute->set_type(type);
    return attribute;
  }

  onnx::ModelProto model_;
};

}  // namespace kinglet

#endif  // KINGLET_LOADERS_ONNX_ONNX_TEST_BUILDER_H_
