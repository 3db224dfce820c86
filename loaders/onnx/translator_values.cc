// The translator's values: what nodes read, the shapes that they have.
#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/translator.h"

namespace kinglet {

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

}  // namespace kinglet
