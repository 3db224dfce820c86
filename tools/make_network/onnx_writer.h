// Writes ONNX models: a graph of nodes and initialisers, as bytes.
//
//   OnnxWriter writer;
//   writer.AddInput("image", {1, 3, 224, 224});
//   writer.AddTensor("w", {8, 3, 1, 1}, values);
//   writer.AddNode("Conv", "conv_1", {"image", "w"}, "y", {IntsAttribute("strides", {1, 1})});
//   writer.AddOutput("y", {1, 8, 224, 224});
//   writer.Finish("name");
//
// Its own protocol buffer encoding, forty lines, because the ONNX library exists for x86-64 only
// and the program is built for ARM too. Not thread safe. Source: onnx.proto3 of ONNX 1.15 (IR
// version 9, operator set 20).
#ifndef KINGLET_TOOLS_MAKE_NETWORK_ONNX_WRITER_H_
#define KINGLET_TOOLS_MAKE_NETWORK_ONNX_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace kinglet::tools {

// An encoded AttributeProto.
struct OnnxAttribute {
  std::string bytes;
};
OnnxAttribute FloatAttribute(const std::string& name, float value);
OnnxAttribute IntAttribute(const std::string& name, int64_t value);
OnnxAttribute IntsAttribute(const std::string& name, const std::vector<int64_t>& values);

class OnnxWriter {
 public:
  // f32 tensors.
  void AddInput(const std::string& name, const std::vector<int64_t>& shape);
  void AddByteInput(const std::string& name, const std::vector<int64_t>& shape);  // i8
  void AddOutput(const std::string& name, const std::vector<int64_t>& shape);
  // Initialisers; values.size() is the product of the shape.
  void AddTensor(const std::string& name, const std::vector<int64_t>& shape,
                 const std::vector<float>& values);
  void AddTensor(const std::string& name, const std::vector<int64_t>& shape,
                 const std::vector<int64_t>& values);
  void AddTensor(const std::string& name, const std::vector<int64_t>& shape,
                 const std::vector<int32_t>& values);
  void AddTensor(const std::string& name, const std::vector<int64_t>& shape,
                 const std::vector<int8_t>& values);
  void AddNode(const std::string& op, const std::string& name,
               const std::vector<std::string>& inputs, const std::string& output,
               const std::vector<OnnxAttribute>& attributes);

  // The model's bytes; graph_name is what viewers show.
  std::string Finish(const std::string& graph_name) const;

 private:
  std::string graph_;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_NETWORK_ONNX_WRITER_H_
