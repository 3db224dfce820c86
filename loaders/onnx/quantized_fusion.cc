#include "loaders/onnx/quantized_fusion.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kinglet {
namespace {

enum { kX, kScale, kZero, kY };  // operands of quantize_linear and dequantize_linear

bool OneOf(const std::string& op, std::initializer_list<const char*> ops) {
  return std::any_of(ops.begin(), ops.end(), [&](const char* name) { return op == name; });
}

int64_t IntOf(const GraphNode& node, const std::string& name, int64_t otherwise) {
  for (const GraphAttribute& attribute : node.attributes) {
    const int64_t* value = std::get_if<int64_t>(&attribute.value);
    if (attribute.name == name && value != nullptr) return *value;
  }
  return otherwise;
}

class Fusion {
 public:
  explicit Fusion(Graph* graph)
      : graph_(*graph), producers_(graph->values.size(), -1), uses_(graph->values.size(), 0) {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const std::vector<int32_t>& operands = graph_.nodes[i].operands;
      for (const int32_t operand : operands) {
        if (operand >= 0) ++uses_[static_cast<size_t>(operand)];
      }
      if (operands.empty() || operands.back() < 0) continue;
      producers_[static_cast<size_t>(operands.back())] = static_cast<int>(i);
      --uses_[static_cast<size_t>(operands.back())];  // written, not read
    }
    for (const int32_t output : graph_.outputs) ++uses_[static_cast<size_t>(output)];
  }

  void Run() {
    for (GraphNode& node : graph_.nodes) {
      if (node.op == "quantize_linear" && HasOneScale(node)) Fuse(&node);
    }
    DropUnread();
  }

 private:
  bool IsScalar(int32_t value) const {
    if (value < 0 || !graph_.values[static_cast<size_t>(value)].constant) return false;
    const std::vector<int64_t>& shape = graph_.values[static_cast<size_t>(value)].shape;
    return std::all_of(shape.begin(), shape.end(), [](int64_t size) { return size == 1; });
  }
  bool HasOneScale(const GraphNode& node) const {
    return node.operands.size() == 4 && IsScalar(node.operands[kScale]) &&
           IsScalar(node.operands[kZero]);
  }

  const GraphNode* ProducerOf(int32_t value) const {
    const int producer = value < 0 ? -1 : producers_[static_cast<size_t>(value)];
    return producer < 0 ? nullptr : &graph_.nodes[static_cast<size_t>(producer)];
  }
  // The node that makes the value out of codes of a byte, else null.
  const GraphNode* Dequantised(int32_t value) const {
    const GraphNode* node = ProducerOf(value);
    if (node == nullptr || node->op != "dequantize_linear" || !HasOneScale(*node)) return nullptr;
    const kl_dtype type = graph_.values[static_cast<size_t>(node->operands[kX])].type;
    return type == KL_TYPE_I8 || type == KL_TYPE_U8 ? node : nullptr;
  }

  void Fuse(GraphNode* quantise) {
    const int32_t between = quantise->operands[kX];
    const GraphNode* node = ProducerOf(between);
    if (node == nullptr || uses_[static_cast<size_t>(between)] != 1) return;
    const GraphNode* from = node->operands.size() < 2 ? nullptr : Dequantised(node->operands[0]);
    if (from == nullptr) return;
    const int32_t y_scale = quantise->operands[kScale], y_zero = quantise->operands[kZero];
    const int32_t y = quantise->operands[kY];
    const std::vector<int32_t>& x = from->operands;
    GraphNode fused = {node->op, node->name, node->attributes, {}};
    if (OneOf(node->op, {"add", "sub", "mul"})) {
      const GraphNode* other = Dequantised(node->operands[1]);
      if (other == nullptr) return;
      const std::vector<int32_t>& b = other->operands;
      fused.op = absl::StrCat(node->op, "_quantized");
      fused.operands = {x[kX], x[kScale], x[kZero], b[kX], b[kScale], b[kZero], y_scale, y_zero, y};
    } else if (node->op == "global_average_pool" && RankOf(x[kX]) == 4) {
      fused.op = "reduce_quantized";
      fused.attributes = {{"kind", std::string("mean")}, {"axes", std::vector<int64_t>{2, 3}}};
      fused.operands = {x[kX], x[kScale], x[kZero], y_scale, y_zero, y};
    } else if (node->op == "softmax" && IsLast(IntOf(*node, "axis", -1), RankOf(x[kX]))) {
      fused.op = "softmax_quantized";
      fused.attributes.clear();
      fused.operands = {x[kX], x[kScale], y_scale, y_zero, y};
    } else if (MovesCodes(*node) && x[kScale] == y_scale && x[kZero] == y_zero) {
      fused.operands = {x[kX], y};
    } else {
      return;
    }
    --uses_[static_cast<size_t>(between)];
    *quantise = std::move(fused);
  }

  size_t RankOf(int32_t value) const {
    return graph_.values[static_cast<size_t>(value)].shape.size();
  }
  static bool IsLast(int64_t axis, size_t rank) {
    return axis == -1 || axis == static_cast<int64_t>(rank) - 1;
  }
  // Operators of one operand that do the same to codes; averages count no padding.
  static bool MovesCodes(const GraphNode& node) {
    if (node.op == "average_pool2d") return IntOf(node, "count_include_pad", 0) == 0;
    return OneOf(node.op, {"max_pool2d", "reshape", "transpose"}) && node.operands.size() == 2;
  }

  // Nodes whose results nobody reads any more, from the last to the first, and their values.
  void DropUnread() {
    std::vector<int> uses(graph_.values.size(), 0);
    for (const int32_t output : graph_.outputs) ++uses[static_cast<size_t>(output)];
    std::vector<GraphNode> kept;
    for (size_t i = graph_.nodes.size(); i-- > 0;) {
      GraphNode& node = graph_.nodes[i];
      const bool droppable =
          OneOf(node.op, {"dequantize_linear", "add", "sub", "mul", "global_average_pool",
                          "softmax", "average_pool2d", "max_pool2d", "reshape", "transpose"});
      if (droppable && uses[static_cast<size_t>(node.operands.back())] == 0) continue;
      for (const int32_t operand : node.operands) {
        if (operand >= 0) ++uses[static_cast<size_t>(operand)];
      }
      kept.push_back(std::move(node));
    }
    std::reverse(kept.begin(), kept.end());
    graph_.nodes = std::move(kept);
    RenumberValues();
  }

  void RenumberValues() {
    std::vector<int32_t> numbers(graph_.values.size(), -1);
    std::vector<GraphValue> kept;
    const auto keep = [&](int32_t* value) {
      if (*value < 0) return;
      int32_t& number = numbers[static_cast<size_t>(*value)];
      if (number < 0) {
        number = static_cast<int32_t>(kept.size());
        kept.push_back(std::move(graph_.values[static_cast<size_t>(*value)]));
      }
      *value = number;
    };
    for (int32_t& input : graph_.inputs) keep(&input);
    for (GraphNode& node : graph_.nodes) {
      for (int32_t& operand : node.operands) keep(&operand);
    }
    for (int32_t& output : graph_.outputs) keep(&output);
    graph_.values = std::move(kept);
  }

  Graph& graph_;
  std::vector<int> producers_;  // node that writes a value, or -1
  std::vector<int> uses_;       // readers of a value; the network's outputs count
};

}  // namespace

void FuseQuantized(Graph* graph) {
  const bool quantised =
      std::any_of(graph->nodes.begin(), graph->nodes.end(),
                  [](const GraphNode& node) { return node.op == "quantize_linear"; });
  if (quantised) Fusion(graph).Run();
}

}  // namespace kinglet
