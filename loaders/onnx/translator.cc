#include "loaders/onnx/translator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/onnx/fold.h"

namespace kinglet {
namespace {

bool IsDefaultDomain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

// The shape of a graph input; only the first dimension may be free.
absl::StatusOr<OnnxShape> InputShape(const onnx::ValueInfoProto& input, absl::string_view path) {
  const std::string where = absl::StrCat("input ", Quoted(input.name()));
  if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape()) {
    return Corrupt(path, where, "a tensor with a shape", "something else");
  }
  OnnxShape shape;
  for (const auto& dimension : input.type().tensor_type().shape().dim()) {
    // Exporters write a free dimension as a name, as nothing, as -1 or as 0.
    const bool is_free = !dimension.has_dim_value() || dimension.dim_value() <= 0;
    if (is_free && !shape.empty()) {
      return absl::UnimplementedError(absl::StrCat(
          path, ": ", where, ": dimension ", shape.size(),
          " is free, only the first (the batch) may be; export the model with fixed sizes"));
    }
    shape.push_back(is_free ? 1 : dimension.dim_value());
  }
  return shape;
}

}  // namespace

absl::Status OnnxTranslator::Translate() {
  if (graph_.sparse_initializer_size() > 0) {
    return absl::UnimplementedError(absl::StrCat(path_, ": sparse initialisers are not supported"));
  }
  if (graph_.output_size() == 0) return Corrupt(path_, "the graph", "an output", "none");
  KL_ASSIGN_OR_RETURN(order_, OrderOnnxNodes(graph_, path_));
  KL_RETURN_IF_ERROR(AddInitialisers());
  KL_RETURN_IF_ERROR(AddInputs());
  for (const int index : order_.nodes) KL_RETURN_IF_ERROR(TranslateNode(index));
  return MaterialiseOutputs();
}

absl::Status OnnxTranslator::AddInitialisers() {
  for (const onnx::TensorProto& tensor : graph_.initializer()) {
    const auto uses = order_.uses.find(tensor.name());
    if (uses == order_.uses.end()) continue;
    KL_ASSIGN_OR_RETURN(OnnxConstant constant, ReadOnnxTensor(tensor, path_));
    if (by_name_.contains(tensor.name())) {
      return Corrupt(path_, absl::StrCat("initialiser ", Quoted(tensor.name())),
                     "a name of its own", "one that an earlier initialiser has");
    }
    OnnxValue value;
    value.name = tensor.name();
    value.type = constant.type;
    value.shape = constant.shape;
    value.constant = std::make_shared<const OnnxConstant>(std::move(constant));
    value.uses = uses->second;
    by_name_[tensor.name()] = Add(std::move(value));
  }
  return absl::OkStatus();
}

absl::Status OnnxTranslator::AddInputs() {
  absl::flat_hash_map<std::string, bool> is_initialiser;
  for (const onnx::TensorProto& tensor : graph_.initializer()) is_initialiser[tensor.name()] = true;
  for (const onnx::ValueInfoProto& input : graph_.input()) {
    // An initialiser may be listed as an input that a caller can override; nobody does.
    if (is_initialiser.contains(input.name())) continue;
    const std::string where = absl::StrCat("input ", Quoted(input.name()));
    OnnxValue value;
    value.name = input.name();
    KL_ASSIGN_OR_RETURN(value.shape, InputShape(input, path_));
    value.type = DtypeOfOnnx(input.type().tensor_type().elem_type());
    int64_t count = 0;
    if (value.type == KL_TYPE_NONE) {
      return absl::UnimplementedError(absl::StrCat(path_, ": ", where, ": ONNX element type ",
                                                   input.type().tensor_type().elem_type(),
                                                   " is not supported"));
    }
    if (value.shape.size() > KL_MAX_RANK || !OnnxElementCount(value.shape, value.type, &count)) {
      return Corrupt(path_, where, absl::StrCat("at most ", KL_MAX_RANK, " dimensions, 2^40 bytes"),
                     ShapeText(value.shape));
    }
    if (by_name_.contains(value.name)) {
      return Corrupt(path_, where, "a name of its own", "one that an earlier input has");
    }
    const auto uses = order_.uses.find(value.name);
    value.uses = uses == order_.uses.end() ? 0 : uses->second;
    const std::string name = value.name;
    by_name_[name] = Add(std::move(value));
    inputs_.push_back(by_name_[name]);
  }
  return absl::OkStatus();
}

absl::Status OnnxTranslator::TranslateNode(int index) {
  const OnnxNode node(graph_.node(index), OnnxNodeName(graph_, index), path_);
  const onnx::NodeProto& proto = node.proto();
  const OnnxOperator* found =
      IsDefaultDomain(proto.domain()) ? FindOnnxOperator(proto.op_type()) : nullptr;
  if (found == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(path_, ": node ", Quoted(node.name()), ": operator ",
                     IsDefaultDomain(proto.domain()) ? "" : absl::StrCat(proto.domain(), "."),
                     proto.op_type(), " is not supported; supported are ", OnnxOperatorNames()));
  }
  for (int i = found->output_count; i < proto.output_size(); ++i) {
    if (IsUsed(node, i)) {
      return node.Unsupported(absl::StrCat(
          "its output ", i, " is used, only ",
          found->output_count == 1 ? "the first is"
                                   : absl::StrCat("the first ", found->output_count, " are"),
          " computed"));
    }
  }
  if (proto.output_size() == 0) return node.Broken("an output", "none");
  float_type_ = KL_TYPE_F32;
  return found->translation(node, this);
}

bool OnnxTranslator::IsUsed(const OnnxNode& node, int index) const {
  return index < node.proto().output_size() && !node.proto().output(index).empty() &&
         order_.uses.contains(node.proto().output(index));
}

// Outputs are activations of their own: a constant or an input that is an output gets a copy.
absl::Status OnnxTranslator::MaterialiseOutputs() {
  for (const onnx::ValueInfoProto& output : graph_.output()) {
    const auto found = by_name_.find(output.name());
    if (found == by_name_.end()) {
      return Corrupt(path_, "the graph's outputs", absl::StrCat("a value ", Quoted(output.name())),
                     "none");
    }
    if (value(found->second).padding.value != kNoOnnxValue) {
      KL_RETURN_IF_ERROR(Materialise(absl::StrCat("output ", output.name()), found->second));
    }
    const OnnxValue source = value(found->second);
    int32_t id = found->second;
    if (source.producer < 0) {
      OnnxValue copy;
      copy.name = source.name;
      copy.type = source.type;
      copy.shape = source.shape;
      copy.producer = static_cast<int>(nodes_.size());
      id = Add(std::move(copy));
      nodes_.push_back({"reshape", absl::StrCat("output ", source.name), {}, {found->second, id}});
    }
    outputs_.push_back(id);
  }
  return absl::OkStatus();
}

absl::Status OnnxTranslator::Finish(ModelSource* source) {
  Graph graph;
  std::vector<int32_t> new_ids(values_.size(), kNoOnnxValue);
  const auto keep = [&](int32_t id) {
    if (id == kNoOnnxValue) return kNoOnnxValue;
    if (new_ids[id] != kNoOnnxValue) return new_ids[id];
    OnnxValue& from = values_[id];
    GraphValue to;
    to.name = from.name;
    to.type = from.type;
    to.shape = from.shape;
    to.constant = from.constant != nullptr;
    if (to.constant) {
      // Names are unique among constants: those of the file are, and AddConstant() sees to its own.
      source->owned.push_back(std::make_unique<std::vector<uint8_t>>(from.constant->bytes));
      SourceTensor tensor;
      tensor.name = from.name;
      tensor.type = from.type;
      tensor.shape = from.shape;
      tensor.data = source->owned.back()->data();
      tensor.bytes = source->owned.back()->size();
      source->tensor_index.emplace(tensor.name, source->tensors.size());
      source->tensors.push_back(std::move(tensor));
      from.constant.reset();
    }
    new_ids[id] = static_cast<int32_t>(graph.values.size());
    graph.values.push_back(std::move(to));
    return new_ids[id];
  };
  for (const int32_t input : inputs_) graph.inputs.push_back(keep(input));
  for (GraphNode& node : nodes_) {
    for (int32_t& operand : node.operands) operand = keep(operand);
    graph.nodes.push_back(std::move(node));
  }
  for (const int32_t output : outputs_) graph.outputs.push_back(keep(output));
  source->graph = std::move(graph);
  return absl::OkStatus();
}

}  // namespace kinglet
