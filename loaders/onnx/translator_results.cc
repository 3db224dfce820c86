// The translator's results: nodes that are emitted, constants, what replaces a node emitted before.
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/onnx/translator.h"

namespace kinglet {

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
