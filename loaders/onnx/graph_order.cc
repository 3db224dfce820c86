#include "loaders/onnx/graph_order.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {
namespace {

constexpr int kGiven = -1;  // an input or initialiser

// By value name: the node that makes it, or kGiven.
using Makers = absl::flat_hash_map<std::string, int>;

absl::StatusOr<Makers> FindMakers(const onnx::GraphProto& graph, absl::string_view path) {
  Makers makers;
  for (const onnx::ValueInfoProto& input : graph.input()) makers.emplace(input.name(), kGiven);
  for (const onnx::TensorProto& tensor : graph.initializer()) makers.emplace(tensor.name(), kGiven);
  for (int n = 0; n < graph.node_size(); ++n) {
    for (const std::string& output : graph.node(n).output()) {
      if (output.empty()) continue;
      if (!makers.emplace(output, n).second) {
        return Corrupt(path, absl::StrCat("node ", OnnxNodeName(graph, n)),
                       "outputs with names of their own",
                       absl::StrCat("value ", Quoted(output), ", which exists already"));
      }
    }
  }
  return makers;
}

}  // namespace

std::string OnnxNodeName(const onnx::GraphProto& graph, int index) {
  const onnx::NodeProto& node = graph.node(index);
  if (!node.name().empty()) return node.name();
  if (node.output_size() > 0 && !node.output(0).empty()) return node.output(0);
  return absl::StrCat("#", index);
}

absl::StatusOr<OnnxOrder> OrderOnnxNodes(const onnx::GraphProto& graph, absl::string_view path) {
  KL_ASSIGN_OR_RETURN(const Makers makers, FindMakers(graph, path));
  OnnxOrder order;

  // Depth first from the outputs, with a stack of its own: a file decides how deep it goes.
  enum State : char { kNew, kOpen, kDone };
  std::vector<State> states(static_cast<size_t>(graph.node_size()), kNew);
  std::vector<std::pair<int, int>> stack;  // node, its next input
  const auto visit = [&](const std::string& value, absl::string_view reader) -> absl::Status {
    if (value.empty()) return absl::OkStatus();
    const auto maker = makers.find(value);
    if (maker == makers.end()) {
      return Corrupt(path, reader, absl::StrCat("a value ", Quoted(value)),
                     "no input, initialiser or node of that name");
    }
    ++order.uses[value];
    if (maker->second == kGiven || states[maker->second] == kDone) return absl::OkStatus();
    if (states[maker->second] == kOpen) {
      return Corrupt(path, reader, "a graph without cycles",
                     absl::StrCat("value ", Quoted(value), ", which depends on itself"));
    }
    states[maker->second] = kOpen;
    stack.emplace_back(maker->second, 0);
    return absl::OkStatus();
  };
  for (const onnx::ValueInfoProto& output : graph.output()) {
    KL_RETURN_IF_ERROR(visit(output.name(), "the graph's outputs"));
    while (!stack.empty()) {
      const int n = stack.back().first;
      if (stack.back().second < graph.node(n).input_size()) {
        const std::string& input = graph.node(n).input(stack.back().second++);
        KL_RETURN_IF_ERROR(visit(input, absl::StrCat("node ", OnnxNodeName(graph, n))));
      } else {
        states[n] = kDone;
        order.nodes.push_back(n);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace kinglet
