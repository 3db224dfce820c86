// Which nodes of an ONNX graph matter for its outputs, and an order in which they can run.
#ifndef KINGLET_LOADERS_ONNX_GRAPH_ORDER_H_
#define KINGLET_LOADERS_ONNX_GRAPH_ORDER_H_

#include <onnx/onnx_pb.h>

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

struct OnnxOrder {
  std::vector<int> nodes;  // indices into graph.node()
  // How often each value is read, by these nodes and as an output of the graph.
  absl::flat_hash_map<std::string, int> uses;
};

// Name of a node for messages: its own, or that of its first output, or its index.
std::string OnnxNodeName(const onnx::GraphProto& graph, int index);

// Errors (DataLoss, naming node and value): a value that nothing makes, two nodes that make the
// same value, a cycle.
absl::StatusOr<OnnxOrder> OrderOnnxNodes(const onnx::GraphProto& graph, absl::string_view path);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_ONNX_GRAPH_ORDER_H_
