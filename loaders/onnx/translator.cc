#include "loaders/onnx/translator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/onnx/fold.h"

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

// The Pad that no window took, as a node of its own.
absl::Status OnnxTranslator::Materialise(absl::string_view node_name, int32_t id) {
  OnnxValue& padded = values_[id];
  const int64_t* around = padded.padding.pads;
  const OnnxShape pads = {0, 0, around[0], around[1], 0, 0, around[2], around[3]};
  padded.producer = static_cast<int>(nodes_.size());
  nodes_.push_back({"pad",
                    absl::StrCat(node_name, "/pad"),
                    {{"pads", pads}},
                    {padded.padding.value, kNoOnnxValue, kNoOnnxValue, id}});
  padded.padding.value = kNoOnnxValue;
  return absl::OkStatus();
}

absl::StatusOr<int32_t> OnnxTranslator::Input(const OnnxNode& node, int index) {
  KL_ASSIGN_OR_RETURN(const int32_t id, Find(node, index));
  if (value(id).padding.value != kNoOnnxValue) {
    KL_RETURN_IF_ERROR(Materialise(node.name(), id));
  }
  return id;
}

absl::StatusOr<int32_t> OnnxTranslator::OptionalInput(const OnnxNode& node, int index) {
  if (!node.HasInput(index)) return kNoOnnxValue;
  return Input(node, index);
}

absl::StatusOr<int32_t> OnnxTranslator::FloatInput(const OnnxNode& node, int index) {
  KL_ASSIGN_OR_RETURN(const int32_t id, Input(node, index));
  const kl_dtype type = value(id).type;
  if (type == KL_TYPE_F16 || type == KL_TYPE_BF16 || type == KL_TYPE_F64) return AsFloat(node, id);
  if (type == KL_TYPE_F32) return id;
  return node.Broken(absl::StrCat("floats as input ", index), kl_dtype_info_of(type).name);
}

absl::StatusOr<int32_t> OnnxTranslator::AsFloat(const OnnxNode& node, int32_t id) {
  const OnnxValue& from = value(id);
  if (from.type == KL_TYPE_F32) return id;
  if (IsOnnxFloat(from.type)) float_type_ = from.type;
  const auto known = as_float_.find(id);
  if (known != as_float_.end()) return known->second;
  int32_t copy = kNoOnnxValue;
  if (from.constant != nullptr) {
    copy = AddConstant(absl::StrCat(from.name, "/f32"),
                       RealConstant(KL_TYPE_F32, from.shape, Reals(*from.constant)));
  } else {
    KL_ASSIGN_OR_RETURN(copy, EmitInner(node, "cast", {}, {id}, from.shape));
  }
  as_float_[id] = copy;
  return copy;
}

absl::StatusOr<OnnxPadding> OnnxTranslator::PaddedInput(const OnnxNode& node, int index) {
  KL_ASSIGN_OR_RETURN(const int32_t found, Find(node, index));
  if (value(found).padding.value != kNoOnnxValue) return value(found).padding;
  OnnxPadding none;
  KL_ASSIGN_OR_RETURN(none.value, FloatInput(node, index));
  return none;
}

bool OnnxTranslator::IsConstantInput(const OnnxNode& node, int index) {
  const absl::StatusOr<int32_t> id = Find(node, index);
  return id.ok() && value(*id).constant != nullptr;
}

absl::StatusOr<OnnxShape> OnnxTranslator::StatedShape(const OnnxNode& node, int index,
                                                      int from) const {
  const std::string name =
      index < node.proto().output_size() ? node.proto().output(index) : std::string();
  for (const auto* list : {&graph_.output(), &graph_.value_info()}) {
    for (const onnx::ValueInfoProto& info : *list) {
      if (info.name() != name || !info.type().tensor_type().has_shape()) continue;
      OnnxShape shape;
      bool known = true;
      for (const auto& dimension : info.type().tensor_type().shape().dim()) {
        known = known && dimension.has_dim_value() && dimension.dim_value() >= 0;
        shape.push_back(dimension.dim_value());
      }
      if (!known) continue;
      KL_RETURN_IF_ERROR(CheckShape(node, KL_TYPE_I8, shape));
      return shape;
    }
  }
  return node.Unsupported(absl::StrCat("its input ", from,
                                       " must be constant, follow from shapes, or the file must "
                                       "state the shape of output ",
                                       index));
}

absl::StatusOr<std::vector<int64_t>> OnnxTranslator::ConstantInts(const OnnxNode& node, int index) {
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

absl::StatusOr<int32_t> OnnxTranslator::Define(const OnnxNode& node, int index, kl_dtype type,
                                               OnnxShape shape) {
  KL_RETURN_IF_ERROR(CheckShape(node, type, shape));
  const bool named = index < node.proto().output_size() && !node.proto().output(index).empty();
  if (!named) return AddInner(node, type, std::move(shape));
  OnnxValue result;
  result.name = node.proto().output(index);
  result.type = type;
  result.shape = std::move(shape);
  const auto uses = order_.uses.find(result.name);
  result.uses = uses == order_.uses.end() ? 0 : uses->second;
  const std::string name = result.name;
  const int32_t id = Add(std::move(result));
  by_name_[name] = id;
  return id;
}

int32_t OnnxTranslator::AddInner(const OnnxNode& node, kl_dtype type, OnnxShape shape) {
  OnnxValue inner;
  inner.name = absl::StrCat(node.name(), "/", values_.size());
  inner.type = type;
  inner.shape = std::move(shape);
  inner.uses = 1;
  return Add(std::move(inner));
}

// ---- results ----

absl::Status OnnxTranslator::Emit(const OnnxNode& node, absl::string_view op,
                                  std::vector<GraphAttribute> attributes,
                                  std::vector<int32_t> operands, kl_dtype type, OnnxShape shape) {
  return EmitMany(node, op, std::move(attributes), std::move(operands), {{type, std::move(shape)}});
}

absl::Status OnnxTranslator::EmitOutput(const OnnxNode& node, int index, absl::string_view op,
                                        std::vector<GraphAttribute> attributes,
                                        std::vector<int32_t> operands, kl_dtype type,
                                        OnnxShape shape) {
  KL_ASSIGN_OR_RETURN(const int32_t output, Define(node, index, type, std::move(shape)));
  values_[output].producer = static_cast<int>(nodes_.size());
  operands.push_back(output);
  nodes_.push_back({std::string(op), node.name(), std::move(attributes), std::move(operands)});
  return absl::OkStatus();
}

absl::Status OnnxTranslator::EmitMany(const OnnxNode& node, absl::string_view op,
                                      std::vector<GraphAttribute> attributes,
                                      std::vector<int32_t> operands,
                                      const std::vector<OnnxResult>& results) {
  const int producer = static_cast<int>(nodes_.size());
  std::vector<std::pair<int32_t, int32_t>> casts;  // computed, wanted
  for (size_t i = 0; i < results.size(); ++i) {
    const OnnxResult& result = results[i];
    const int index = static_cast<int>(i);
    if (result.optional && !IsUsed(node, index)) {
      operands.push_back(kNoOnnxValue);
      continue;
    }
    const bool converted = result.type == KL_TYPE_F32 && float_type_ != KL_TYPE_F32;
    KL_ASSIGN_OR_RETURN(int32_t output,
                        Define(node, index, converted ? float_type_ : result.type, result.shape));
    if (converted) {
      casts.emplace_back(AddInner(node, KL_TYPE_F32, result.shape), output);
      output = casts.back().first;
    }
    values_[output].producer = producer;
    operands.push_back(output);
  }
  nodes_.push_back({std::string(op), node.name(), std::move(attributes), std::move(operands)});
  for (const auto& [computed, wanted] : casts) {
    values_[wanted].producer = static_cast<int>(nodes_.size());
    nodes_.push_back({"cast", node.name(), {}, {computed, wanted}});
  }
  return absl::OkStatus();
}

absl::Status OnnxTranslator::SetConstant(const OnnxNode& node, OnnxConstant constant) {
  KL_ASSIGN_OR_RETURN(const int32_t output, Define(node, 0, constant.type, constant.shape));
  values_[output].constant = std::make_shared<const OnnxConstant>(std::move(constant));
  return absl::OkStatus();
}

absl::Status OnnxTranslator::SetPadded(const OnnxNode& node, const OnnxPadding& padding,
                                       OnnxShape shape) {
  KL_ASSIGN_OR_RETURN(const int32_t output, Define(node, 0, KL_TYPE_F32, std::move(shape)));
  values_[output].padding = padding;
  return absl::OkStatus();
}

absl::StatusOr<int32_t> OnnxTranslator::EmitInner(const OnnxNode& node, absl::string_view op,
                                                  std::vector<GraphAttribute> attributes,
                                                  std::vector<int32_t> operands, OnnxShape shape,
                                                  kl_dtype type) {
  KL_RETURN_IF_ERROR(CheckShape(node, type, shape));
  const int32_t id = AddInner(node, type, std::move(shape));
  values_[id].producer = static_cast<int>(nodes_.size());
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
  KL_ASSIGN_OR_RETURN(const int32_t output, Define(node, 0, value(id).type, value(id).shape));
  values_[output].producer = value(id).producer;
  nodes_[values_[output].producer].operands.back() = output;
  return absl::OkStatus();
}

}  // namespace kinglet
