#include "loaders/onnx/translator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {
namespace {

std::string ShapeText(const OnnxShape& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

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

// ---- the whole graph ----

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
  const OnnxTranslation translation =
      IsDefaultDomain(proto.domain()) ? FindOnnxTranslation(proto.op_type()) : nullptr;
  if (translation == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(path_, ": node ", Quoted(node.name()), ": operator ",
                     IsDefaultDomain(proto.domain()) ? "" : absl::StrCat(proto.domain(), "."),
                     proto.op_type(), " is not supported; supported are ", OnnxTranslationNames()));
  }
  for (int i = 1; i < proto.output_size(); ++i) {
    if (order_.uses.contains(proto.output(i))) {
      return node.Unsupported(
          absl::StrCat("its output ", i, " is used, only the first is computed"));
    }
  }
  if (proto.output_size() == 0) return node.Broken("an output", "none");
  return translation(node, this);
}

// Outputs are activations of their own: a constant or an input that is an output gets a copy.
absl::Status OnnxTranslator::MaterialiseOutputs() {
  for (const onnx::ValueInfoProto& output : graph_.output()) {
    const auto found = by_name_.find(output.name());
    if (found == by_name_.end()) {
      return Corrupt(path_, "the graph's outputs", absl::StrCat("a value ", Quoted(output.name())),
                     "none");
    }
    const OnnxValue source = value(found->second);
    if (source.padding.value != kNoOnnxValue) {
      return absl::UnimplementedError(
          absl::StrCat(path_, ": output ", Quoted(output.name()),
                       ": Pad is supported only before Conv and AveragePool"));
    }
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

// ---- values ----

int32_t OnnxTranslator::Add(OnnxValue value) {
  values_.push_back(std::move(value));
  return static_cast<int32_t>(values_.size()) - 1;
}

absl::StatusOr<int32_t> OnnxTranslator::Find(const OnnxNode& node, int index) const {
  if (!node.HasInput(index)) return node.Broken(absl::StrCat("an input ", index), "none");
  const auto found = by_name_.find(node.input(index));
  if (found == by_name_.end()) {
    return node.Broken(absl::StrCat("a value ", Quoted(node.input(index))), "none");
  }
  return found->second;
}

absl::StatusOr<int32_t> OnnxTranslator::Input(const OnnxNode& node, int index) const {
  KL_ASSIGN_OR_RETURN(const int32_t id, Find(node, index));
  if (value(id).padding.value != kNoOnnxValue) {
    return node.Unsupported(
        "its input comes from Pad, which is supported only before Conv and AveragePool");
  }
  return id;
}

absl::StatusOr<int32_t> OnnxTranslator::OptionalInput(const OnnxNode& node, int index) const {
  if (!node.HasInput(index)) return kNoOnnxValue;
  return Input(node, index);
}

absl::StatusOr<int32_t> OnnxTranslator::FloatInput(const OnnxNode& node, int index) const {
  KL_ASSIGN_OR_RETURN(const int32_t id, Input(node, index));
  if (value(id).type != KL_TYPE_F32) {
    return node.Unsupported(absl::StrCat("its input ", index, " is not of 32-bit floats"));
  }
  return id;
}

absl::StatusOr<OnnxPadding> OnnxTranslator::PaddedInput(const OnnxNode& node, int index) const {
  KL_ASSIGN_OR_RETURN(const int32_t id, Find(node, index));
  if (value(id).type != KL_TYPE_F32) {
    return node.Unsupported(absl::StrCat("its input ", index, " is not of 32-bit floats"));
  }
  if (value(id).padding.value != kNoOnnxValue) return value(id).padding;
  OnnxPadding none;
  none.value = id;
  return none;
}

absl::StatusOr<std::vector<int64_t>> OnnxTranslator::ConstantInts(const OnnxNode& node,
                                                                  int index) const {
  KL_ASSIGN_OR_RETURN(const int32_t id, Input(node, index));
  const OnnxValue& from = value(id);
  std::vector<int64_t> values;
  if (from.constant == nullptr) {
    return node.Unsupported(
        absl::StrCat("its input ", index, " must be constant, or follow from shapes"));
  }
  if (!ReadInts(*from.constant, &values)) {
    return node.Broken(absl::StrCat("whole numbers as input ", index), "another type");
  }
  return values;
}

absl::Status OnnxTranslator::CheckShape(const OnnxNode& node, kl_dtype type,
                                        const OnnxShape& shape) const {
  int64_t count = 0;
  if (shape.size() <= KL_MAX_RANK && OnnxElementCount(shape, type, &count)) return absl::OkStatus();
  return node.Broken(
      absl::StrCat("a result of at most ", KL_MAX_RANK, " dimensions and 2^40 bytes"),
      ShapeText(shape));
}

absl::StatusOr<int32_t> OnnxTranslator::Define(const OnnxNode& node, kl_dtype type,
                                               OnnxShape shape) {
  KL_RETURN_IF_ERROR(CheckShape(node, type, shape));
  OnnxValue result;
  result.name = node.proto().output(0);
  result.type = type;
  result.shape = std::move(shape);
  const auto uses = order_.uses.find(result.name);
  result.uses = uses == order_.uses.end() ? 0 : uses->second;
  const std::string name = result.name;
  const int32_t id = Add(std::move(result));
  by_name_[name] = id;
  return id;
}

// ---- results ----

absl::Status OnnxTranslator::Emit(const OnnxNode& node, absl::string_view op,
                                  std::vector<GraphAttribute> attributes,
                                  std::vector<int32_t> operands, kl_dtype type, OnnxShape shape) {
  KL_ASSIGN_OR_RETURN(const int32_t output, Define(node, type, std::move(shape)));
  values_[output].producer = static_cast<int>(nodes_.size());
  operands.push_back(output);
  nodes_.push_back({std::string(op), node.name(), std::move(attributes), std::move(operands)});
  return absl::OkStatus();
}

absl::Status OnnxTranslator::SetConstant(const OnnxNode& node, OnnxConstant constant) {
  KL_ASSIGN_OR_RETURN(const int32_t output, Define(node, constant.type, constant.shape));
  values_[output].constant = std::make_shared<const OnnxConstant>(std::move(constant));
  return absl::OkStatus();
}

absl::Status OnnxTranslator::SetPadded(const OnnxNode& node, const OnnxPadding& padding,
                                       OnnxShape shape) {
  KL_ASSIGN_OR_RETURN(const int32_t output, Define(node, KL_TYPE_F32, std::move(shape)));
  values_[output].padding = padding;
  return absl::OkStatus();
}

absl::StatusOr<int32_t> OnnxTranslator::EmitInner(const OnnxNode& node, absl::string_view op,
                                                  std::vector<GraphAttribute> attributes,
                                                  std::vector<int32_t> operands, OnnxShape shape) {
  KL_RETURN_IF_ERROR(CheckShape(node, KL_TYPE_F32, shape));
  OnnxValue inner;
  inner.name = absl::StrCat(node.name(), "/", nodes_.size());
  inner.shape = std::move(shape);
  inner.producer = static_cast<int>(nodes_.size());
  inner.uses = 1;
  const int32_t id = Add(std::move(inner));
  operands.push_back(id);
  nodes_.push_back({std::string(op), node.name(), std::move(attributes), std::move(operands)});
  return id;
}

int32_t OnnxTranslator::AddConstant(absl::string_view name, OnnxConstant constant) {
  OnnxValue value;
  value.name = std::string(name);
  // No value of the file may have the same name.
  for (int suffix = 1; by_name_.contains(value.name) || order_.uses.contains(value.name);
       ++suffix) {
    value.name = absl::StrCat(name, "/", suffix);
  }
  value.type = constant.type;
  value.shape = constant.shape;
  value.constant = std::make_shared<const OnnxConstant>(std::move(constant));
  const std::string unique = value.name;
  const int32_t id = Add(std::move(value));
  by_name_[unique] = id;
  return id;
}

// ---- fusion ----

GraphNode* OnnxTranslator::SoleProducer(int32_t id, absl::string_view op) {
  const OnnxValue& from = value(id);
  if (from.producer < 0 || from.uses != 1) return nullptr;
  GraphNode* node = &nodes_[from.producer];
  return node->op == std::string(op) ? node : nullptr;
}

absl::Status OnnxTranslator::Replace(const OnnxNode& node, int32_t id) {
  KL_ASSIGN_OR_RETURN(const int32_t output, Define(node, value(id).type, value(id).shape));
  values_[output].producer = value(id).producer;
  nodes_[values_[output].producer].operands.back() = output;
  return absl::OkStatus();
}

}  // namespace kinglet
