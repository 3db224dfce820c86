#include "tools/make_network/onnx_writer.h"

#include <cstring>

namespace kinglet::tools {
namespace {

constexpr int64_t kIrVersion = 9;
constexpr int64_t kOperatorSet = 20;
enum : int64_t {
  kFloatTensor = 1,
  kInt8Tensor = 3,
  kInt32Tensor = 6,
  kInt64Tensor = 7
};                                                                        // TensorProto.DataType
enum : int64_t { kFloat = 1, kInt = 2, kInts = 7 };                       // AttributeProto.Type
enum : uint32_t { kVarintWire = 0, kBytesWire = 2, kFourBytesWire = 5 };  // protocol buffers

void PutVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}
void PutTag(uint32_t field, uint32_t wire, std::string* out) { PutVarint(field << 3 | wire, out); }
void PutInt(uint32_t field, int64_t value, std::string* out) {
  PutTag(field, kVarintWire, out);
  PutVarint(static_cast<uint64_t>(value), out);
}
void PutBytes(uint32_t field, const std::string& bytes, std::string* out) {
  PutTag(field, kBytesWire, out);
  PutVarint(bytes.size(), out);
  out->append(bytes);
}

std::string ValueInfo(const std::string& name, const std::vector<int64_t>& shape,
                      int64_t type_number) {
  std::string dimensions;
  for (const int64_t length : shape) {
    std::string dimension;
    PutInt(1, length, &dimension);
    PutBytes(1, dimension, &dimensions);
  }
  std::string tensor_type, type, info;
  PutInt(1, type_number, &tensor_type);
  PutBytes(2, dimensions, &tensor_type);
  PutBytes(1, tensor_type, &type);
  PutBytes(1, name, &info);
  PutBytes(2, type, &info);
  return info;
}

template <typename T>
std::string Tensor(const std::string& name, const std::vector<int64_t>& shape, int64_t type,
                   const std::vector<T>& values) {
  std::string tensor;
  for (const int64_t length : shape) PutInt(1, length, &tensor);
  PutInt(2, type, &tensor);
  PutBytes(8, name, &tensor);
  std::string raw(values.size() * sizeof(T), '\0');  // little endian, as every machine we build for
  if (!values.empty()) std::memcpy(&raw[0], values.data(), raw.size());
  PutBytes(9, raw, &tensor);
  return tensor;
}

OnnxAttribute Attribute(const std::string& name, int64_t type, const std::string& value) {
  OnnxAttribute attribute;
  PutBytes(1, name, &attribute.bytes);
  attribute.bytes += value;
  PutInt(20, type, &attribute.bytes);
  return attribute;
}

}  // namespace

OnnxAttribute FloatAttribute(const std::string& name, float value) {
  std::string field;
  PutTag(2, kFourBytesWire, &field);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  field.append(bytes, sizeof value);
  return Attribute(name, kFloat, field);
}

OnnxAttribute IntAttribute(const std::string& name, int64_t value) {
  std::string field;
  PutInt(3, value, &field);
  return Attribute(name, kInt, field);
}

OnnxAttribute IntsAttribute(const std::string& name, const std::vector<int64_t>& values) {
  std::string field;
  for (const int64_t value : values) PutInt(8, value, &field);
  return Attribute(name, kInts, field);
}

void OnnxWriter::AddInput(const std::string& name, const std::vector<int64_t>& shape) {
  PutBytes(11, ValueInfo(name, shape, kFloatTensor), &graph_);
}

void OnnxWriter::AddByteInput(const std::string& name, const std::vector<int64_t>& shape) {
  PutBytes(11, ValueInfo(name, shape, kInt8Tensor), &graph_);
}

void OnnxWriter::AddOutput(const std::string& name, const std::vector<int64_t>& shape) {
  PutBytes(12, ValueInfo(name, shape, kFloatTensor), &graph_);
}

void OnnxWriter::AddTensor(const std::string& name, const std::vector<int64_t>& shape,
                           const std::vector<float>& values) {
  PutBytes(5, Tensor(name, shape, kFloatTensor, values), &graph_);
}

void OnnxWriter::AddTensor(const std::string& name, const std::vector<int64_t>& shape,
                           const std::vector<int64_t>& values) {
  PutBytes(5, Tensor(name, shape, kInt64Tensor, values), &graph_);
}

void OnnxWriter::AddTensor(const std::string& name, const std::vector<int64_t>& shape,
                           const std::vector<int32_t>& values) {
  PutBytes(5, Tensor(name, shape, kInt32Tensor, values), &graph_);
}

void OnnxWriter::AddTensor(const std::string& name, const std::vector<int64_t>& shape,
                           const std::vector<int8_t>& values) {
  PutBytes(5, Tensor(name, shape, kInt8Tensor, values), &graph_);
}

void OnnxWriter::AddNode(const std::string& op, const std::string& name,
                         const std::vector<std::string>& inputs, const std::string& output,
                         const std::vector<OnnxAttribute>& attributes) {
  std::string node;
  for (const std::string& input : inputs) PutBytes(1, input, &node);
  PutBytes(2, output, &node);
  PutBytes(3, name, &node);
  PutBytes(4, op, &node);
  for (const OnnxAttribute& attribute : attributes) PutBytes(5, attribute.bytes, &node);
  PutBytes(1, node, &graph_);
}

std::string OnnxWriter::Finish(const std::string& graph_name) const {
  std::string graph = graph_;
  PutBytes(2, graph_name, &graph);
  std::string operator_set, model;
  PutInt(2, kOperatorSet, &operator_set);
  PutInt(1, kIrVersion, &model);
  PutBytes(2, "kinglet make-network", &model);
  PutBytes(8, operator_set, &model);
  PutBytes(7, graph, &model);
  return model;
}

}  // namespace kinglet::tools
