// A network that a file spells out node by node (ONNX, TFLite), already in Kinglet's operator
// vocabulary.
//
// Loaders translate: after loading, op names, operand order and attributes are those of
// plugins/reference.
#ifndef KINGLET_CORE_MODEL_GRAPH_H_
#define KINGLET_CORE_MODEL_GRAPH_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/abi/types.h"

namespace kinglet {

struct GraphAttribute {
  std::string name;
  std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<float>> value;
};

struct GraphValue {
  std::string name;
  kl_dtype type = KL_TYPE_F32;
  std::vector<int64_t>
      shape;  // outermost first; all dimensions known (a free batch dimension is loaded as 1)
  bool constant = false;  // then the source has a tensor of this name
};

struct GraphNode {
  std::string op;
  std::string name;
  std::vector<GraphAttribute> attributes;
  std::vector<int32_t> operands;  // indices of values, in the operator's operand order; -1: absent
};

struct Graph {
  std::vector<GraphValue> values;
  std::vector<GraphNode> nodes;  // in an order in which they can run
  std::vector<int32_t> inputs;   // indices of values
  std::vector<int32_t> outputs;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MODEL_GRAPH_H_
