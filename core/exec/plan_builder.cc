#include "core/exec/plan_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"

namespace kinglet {

PlanBuilder::PlanBuilder(const ModelSource& source, CacheTypes cache_types, const MemoryLayout* memory)
    : source_(source), cache_types_(cache_types), memory_(memory) {
  abi_.struct_size = sizeof abi_;
  abi_.context = this;
  abi_.token_ids = [](kl_plan_builder* b) { return Of(b).AddInput(ValueKind::kTokenIds, "token_ids", KL_DIM_TOKENS); };
  abi_.positions = [](kl_plan_builder* b) { return Of(b).AddInput(ValueKind::kPositions, "positions", KL_DIM_TOKENS); };
  abi_.output_rows = [](kl_plan_builder* b) {
    return Of(b).AddInput(ValueKind::kOutputRows, "output_rows", KL_DIM_OUTPUTS);
  };
  abi_.weight = [](kl_plan_builder* b, const char* name, int32_t rank, const int64_t* shape) {
    return Of(b).AddWeight(name, rank, shape, /*optional=*/false);
  };
  abi_.optional_weight = [](kl_plan_builder* b, const char* name, int32_t rank, const int64_t* shape) {
    return Of(b).AddWeight(name, rank, shape, /*optional=*/true);
  };
  abi_.stacked_weight = [](kl_plan_builder* b, const char* const* names, uint32_t count, int32_t rank,
                           const int64_t* shape) {
    return Of(b).AddStackedWeight(names, count, rank, shape);
  };
  abi_.constant = [](kl_plan_builder* b, const char* name, kl_dtype type, int32_t rank, const int64_t* shape,
                     const void* data) { return Of(b).AddConstant(name, type, rank, shape, data); };
  abi_.cache = [](kl_plan_builder* b, const kl_cache_desc* desc) { return Of(b).AddCache(*desc); };
  abi_.value = [](kl_plan_builder* b, kl_dtype type, int32_t rank, const int64_t* shape) {
    if (!Of(b).CheckRank("an activation", rank)) return KL_NO_VALUE;
    PlanValue value;
    value.type = type;
    value.shape.assign(shape, shape + rank);
    return Of(b).Add(std::move(value));
  };
  abi_.node = [](kl_plan_builder* b, const char* op, const char* name, const kl_attribute* attributes,
                 uint32_t attribute_count, const kl_value* operands, uint32_t operand_count) {
    Of(b).AddNode(op, name, attributes, attribute_count, operands, operand_count);
  };
  abi_.memory = [](kl_plan_builder* b, const char* name, int64_t layer, const char* activation, kl_value x, kl_value h) {
    return Of(b).AddMemory(name, layer, activation, x, h);
  };
  abi_.logits = [](kl_plan_builder* b, kl_value value) { Of(b).plan_.outputs.assign(1, value); };
  abi_.fail = [](kl_plan_builder* b, kl_code code, const char* message) {
    Of(b).Fail(StatusFromCode(code, absl::StrCat(Of(b).source_.path, ": ", message)));
  };
  abi_.status = [](kl_plan_builder* b, kl_error* error) { return FillError(Of(b).status_, error); };
}

void PlanBuilder::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

bool PlanBuilder::CheckRank(absl::string_view what, int64_t rank) {
  if (rank >= 0 && rank <= KL_MAX_RANK) return true;
  Fail(absl::InvalidArgumentError(absl::StrCat(source_.path, ": ", what, " has ", rank,
                                               " dimensions; expected at most ", KL_MAX_RANK)));
  return false;
}

kl_value PlanBuilder::Add(PlanValue value) {
  if (!status_.ok()) return KL_NO_VALUE;
  plan_.values.push_back(std::move(value));
  return static_cast<kl_value>(plan_.values.size()) - 1;
}

kl_value PlanBuilder::AddCache(const kl_cache_desc& desc) {
  const int32_t content = KL_HAS_FIELD(&desc, kl_cache_desc, content) ? desc.content : KL_CACHE_ANY;
  if (content == KL_CACHE_ANY && cache_types_.keys != cache_types_.values) {
    Fail(absl::UnimplementedError(
        absl::StrCat(source_.path, ": architecture ", source_.architecture,
                     " does not say which of its caches hold keys and which values; give both the same type")));
  }
  PlanValue value;
  value.kind = ValueKind::kCache;
  value.name = "cache";
  value.type = content == KL_CACHE_VALUES ? cache_types_.values : cache_types_.keys;
  value.cache.struct_size = sizeof value.cache;
  value.cache.head_count = desc.head_count;
  value.cache.head_length = desc.head_length;
  value.cache.window = desc.window;
  value.cache.content = content;
  return Add(std::move(value));
}

kl_value PlanBuilder::AddInput(ValueKind kind, const char* name, int64_t dimension) {
  PlanValue value;
  value.kind = kind;
  value.name = name;
  value.type = KL_TYPE_I32;
  value.shape = {dimension};
  return Add(std::move(value));
}

const SourceTensor* PlanBuilder::Checked(const char* name, int32_t rank, const int64_t* shape, bool optional) {
  const SourceTensor* tensor = source_.Find(name);
  if (tensor == nullptr) {
    if (!optional) {
      Fail(absl::NotFoundError(absl::StrCat(source_.path, ": tensor ", name, " is missing; architecture ",
                                            source_.architecture, " needs it")));
    }
    return nullptr;
  }
  if (!CheckRank(absl::StrCat("tensor ", name), static_cast<int64_t>(tensor->shape.size()))) return nullptr;
  const std::vector<int64_t> wanted(shape, shape + rank);
  if (rank != 0 && tensor->shape != wanted) {
    Fail(absl::DataLossError(absl::StrCat(source_.path, ": tensor ", name, " at offset ", tensor->file_offset,
                                          " has shape [", absl::StrJoin(tensor->shape, ", "),
                                          "], the metadata say [", absl::StrJoin(wanted, ", "), "]")));
    return nullptr;
  }
  return tensor;
}

kl_value PlanBuilder::AddWeight(const char* name, int32_t rank, const int64_t* shape, bool optional) {
  const SourceTensor* tensor = Checked(name, rank, shape, optional);
  if (tensor == nullptr) return KL_NO_VALUE;
  PlanValue value;
  value.kind = ValueKind::kWeight;
  value.name = name;
  value.type = tensor->type;
  value.shape = tensor->shape;
  value.tensors = {tensor};
  return Add(std::move(value));
}

kl_value PlanBuilder::AddStackedWeight(const char* const* names, uint32_t count, int32_t rank, const int64_t* shape) {
  if (count == 0) Fail(absl::InternalError(absl::StrCat(source_.path, ": a stack of no tensors")));
  PlanValue value;
  value.kind = ValueKind::kWeight;
  value.shape.push_back(count);
  for (uint32_t i = 0; i < count; ++i) {
    const SourceTensor* tensor = Checked(names[i], rank, shape, /*optional=*/false);
    if (tensor == nullptr) return KL_NO_VALUE;
    if (i == 0) {
      value.name = names[i];
      value.type = tensor->type;
      value.shape.insert(value.shape.end(), tensor->shape.begin(), tensor->shape.end());
    } else if (tensor->type != value.type || tensor->shape != value.tensors[0]->shape) {
      Fail(absl::DataLossError(absl::StrCat(source_.path, ": tensor ", names[i], " differs in type or shape from ",
                                            names[0], "; experts of one layer must be alike")));
      return KL_NO_VALUE;
    }
    value.tensors.push_back(tensor);
  }
  if (!CheckRank(absl::StrCat("the stack of tensors ", value.name), static_cast<int64_t>(value.shape.size()))) {
    return KL_NO_VALUE;
  }
  return Add(std::move(value));
}

kl_value PlanBuilder::AddConstant(const char* name, kl_dtype type, int32_t rank, const int64_t* shape,
                                  const void* data) {
  if (!status_.ok() || !CheckRank(absl::StrCat("constant ", name), rank)) return KL_NO_VALUE;
  plan_.constants.emplace_back();
  PlanConstant& constant = plan_.constants.back();
  int64_t count = 1;
  for (int32_t d = 0; d < rank; ++d) count *= shape[d];
  const uint64_t bytes = kl_row_bytes(type, static_cast<uint64_t>(count));
  const uint8_t* from = static_cast<const uint8_t*>(data);
  constant.bytes.assign(from, from + bytes);
  constant.tensor.name = name;
  constant.tensor.type = type;
  constant.tensor.shape.assign(shape, shape + rank);
  constant.tensor.data = constant.bytes.data();
  constant.tensor.bytes = bytes;
  PlanValue value;
  value.kind = ValueKind::kWeight;
  value.name = name;
  value.type = type;
  value.shape = constant.tensor.shape;
  value.tensors = {&constant.tensor};
  return Add(std::move(value));
}

kl_value PlanBuilder::AddMemory(const char* name, int64_t layer, absl::string_view activation, kl_value x, kl_value h) {
  if (memory_ == nullptr || !status_.ok()) return h;
  const MemoryShape& shape = memory_->shape();
  const auto is_row = [&](kl_value v) {
    return v >= 0 && v < static_cast<kl_value>(plan_.values.size()) && plan_.values[v].shape.size() == 2 &&
           plan_.values[v].shape[1] == shape.dim;
  };
  if (layer < 0 || layer >= shape.layer_count || !is_row(x) || !is_row(h)) {
    Fail(absl::FailedPreconditionError(absl::StrCat("node ", name, ": the memory bank is for a model of ", shape.layer_count,
                                                    " layers of width ", shape.dim, "; use the model that it was made for")));
    return KL_NO_VALUE;
  }
  const char* wanted = MemoryActivationName(shape.activation);
  if (activation != wanted) {
    Fail(absl::FailedPreconditionError(absl::StrCat("node ", name, ": the memory bank is for feed-forward networks with ",
                                                    wanted, ", this model has ", activation,
                                                    "; use the model that it was made for")));
    return KL_NO_VALUE;
  }
  // Levels without blocks have no segment.
  std::vector<int64_t> neurons;
  for (uint32_t level = 1; level <= shape.depth; ++level) {
    if (shape.rows[level - 1] > 0) neurons.push_back(shape.rows[level - 1]);
  }
  PlanValue blocks;
  blocks.kind = ValueKind::kMemory;
  blocks.name = name;
  blocks.type = shape.type;
  blocks.shape = {static_cast<int64_t>(neurons.size()),
                  int64_t{MemoryLayout::kMatrices} * *std::max_element(neurons.begin(), neurons.end()), shape.dim};
  blocks.layer = layer;
  PlanValue sum;
  sum.shape = plan_.values[h].shape;
  const kl_value segments = Add(std::move(blocks));
  const kl_value y = Add(std::move(sum));
  kl_attribute attributes[2] = {};
  attributes[0].name = "activation";
  attributes[0].kind = KL_ATTRIBUTE_STRING;
  attributes[0].s = wanted;
  attributes[1].name = "neurons";
  attributes[1].kind = KL_ATTRIBUTE_INTS;
  attributes[1].count = static_cast<uint32_t>(neurons.size());
  attributes[1].ints = neurons.data();
  const kl_value operands[] = {x, h, segments, y};
  AddNode("ffn_segments", name, attributes, 2, operands, 4);
  return y;
}

absl::Status PlanBuilder::CheckMemory() const {
  if (memory_ == nullptr) return absl::OkStatus();
  int64_t layers = 0;
  for (const PlanValue& value : plan_.values) layers += value.kind == ValueKind::kMemory ? 1 : 0;
  if (layers == memory_->shape().layer_count) return absl::OkStatus();
  if (layers == 0) {
    return absl::UnimplementedError(absl::StrCat("architecture ", source_.architecture,
                                                 " has no place for a memory bank; its plugin has to ask for it "
                                                 "(kl_plan_builder.memory)"));
  }
  return absl::FailedPreconditionError(absl::StrCat("the memory bank is for a model of ", memory_->shape().layer_count,
                                                    " layers, this one has ", layers,
                                                    "; use the model that it was made for"));
}

void PlanBuilder::AddNode(const char* op, const char* name, const kl_attribute* attributes, uint32_t attribute_count,
                          const kl_value* operands, uint32_t operand_count) {
  if (!status_.ok()) return;
  for (uint32_t i = 0; i < operand_count; ++i) {
    if (operands[i] < KL_NO_VALUE || operands[i] >= static_cast<kl_value>(plan_.values.size())) {
      Fail(absl::InternalError(absl::StrCat("node ", name, " (", op, "): operand ", i, " is value ", operands[i],
                                            ", which does not exist")));
      return;
    }
  }
  PlanNode node;
  node.op = op;
  node.name = name;
  node.attributes = AttributeSet(attributes, attribute_count);
  node.operands.assign(operands, operands + operand_count);
  plan_.nodes.push_back(std::move(node));
}

absl::StatusOr<Plan> PlanBuilder::Finish() {
  KL_RETURN_IF_ERROR(status_);
  KL_RETURN_IF_ERROR(CheckMemory());
  if (plan_.outputs.empty() || plan_.outputs[0] == KL_NO_VALUE) {
    return absl::InternalError(absl::StrCat("architecture ", source_.architecture, " built a plan without logits"));
  }
  const kl_value output = plan_.outputs[0];
  const bool exists = output >= 0 && output < static_cast<kl_value>(plan_.values.size());
  if (!exists || plan_.values[output].kind != ValueKind::kActivation || plan_.values[output].type != KL_TYPE_F32 ||
      plan_.values[output].shape.size() != 2 || plan_.values[output].shape[0] != KL_DIM_OUTPUTS) {
    return absl::InternalError(absl::StrCat("architecture ", source_.architecture,
                                            ": its logits are no f32 activation [outputs, vocabulary]; the plugin has to "
                                            "be corrected"));
  }
  return std::move(plan_);
}

absl::StatusOr<Plan> BuildGraphPlan(const ModelSource& source) {
  if (!source.graph.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(source.path, ": format ", source.format, " carries no graph"));
  }
  const Graph& graph = *source.graph;
  Plan plan;
  for (const GraphValue& from : graph.values) {
    PlanValue value;
    value.name = from.name;
    value.type = from.type;
    value.shape = from.shape;
    if (from.constant) {
      const SourceTensor* tensor = source.Find(from.name);
      if (tensor == nullptr) {
        return absl::DataLossError(absl::StrCat(source.path, ": constant ", from.name, " has no data"));
      }
      value.kind = ValueKind::kWeight;
      value.tensors = {tensor};
    }
    plan.values.push_back(std::move(value));
  }
  for (int32_t input : graph.inputs) plan.values[input].kind = ValueKind::kInput;
  plan.inputs = graph.inputs;
  plan.outputs = graph.outputs;
  for (const GraphNode& from : graph.nodes) {
    PlanNode node;
    node.op = from.op;
    node.name = from.name;
    node.attributes = AttributeSet(from.attributes);
    node.operands = from.operands;
    plan.nodes.push_back(std::move(node));
  }
  return plan;
}

}  // namespace kinglet
