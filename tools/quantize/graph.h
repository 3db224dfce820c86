// An ONNX graph before it is quantised: constants gathered, normalisations folded, old forms of
// operators replaced.
//
// Builds with ONNX's protocol buffers only (ONNX_ML). Not thread safe.
#ifndef KINGLET_TOOLS_QUANTIZE_GRAPH_H_
#define KINGLET_TOOLS_QUANTIZE_GRAPH_H_
#if defined(ONNX_ML)

#include <onnx/onnx_pb.h>

#include <map>
#include <string>
#include <vector>

#include "tools/common/report.h"

namespace kinglet::tools {

// The f32 values of a tensor; a failure for other types, data in other files, missing data.
Failure FloatsOf(const onnx::TensorProto& tensor, std::vector<float>* values);

const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node, const std::string& name);
int64_t IntOf(const onnx::NodeProto& node, const std::string& name, int64_t otherwise);
double FloatOf(const onnx::NodeProto& node, const std::string& name, double otherwise);

int64_t OpsetOf(const onnx::ModelProto& model);

// Makes the model ready: operator set 12 or newer, constants as initialisers, each
// BatchNormalization folded into the Conv that only it reads. The network computes the same.
Failure Simplify(const std::string& path, onnx::ModelProto* model);

// Who writes and reads what. Borrows the graph, which must not change.
class GraphIndex {
 public:
  explicit GraphIndex(const onnx::GraphProto& graph);

  // Null when it is none.
  const onnx::TensorProto* Constant(const std::string& name) const;
  // Readers in the graph; an output of the graph counts as one more.
  int Uses(const std::string& name) const;
  bool IsOutput(const std::string& name) const;
  // The only node that reads the value, else null.
  const onnx::NodeProto* SoleReader(const std::string& name) const;

 private:
  std::map<std::string, const onnx::TensorProto*> constants_;
  std::map<std::string, std::vector<const onnx::NodeProto*>> readers_;
  std::map<std::string, int> outputs_;
};

}  // namespace kinglet::tools

#endif  // defined(ONNX_ML)
#endif  // KINGLET_TOOLS_QUANTIZE_GRAPH_H_
