#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/onnx/translator.h"

namespace kinglet {
namespace {

std::string Label(const OnnxNode& node) {
  return absl::StrCat("node ", Quoted(node.name()), " (", node.op_type(), ")");
}

absl::Status WrongKind(const OnnxNode& node, absl::string_view name, absl::string_view expected) {
  return node.Broken(absl::StrCat("attribute ", name, " to be ", expected), "another kind");
}

}  // namespace

absl::Status OnnxNode::Broken(absl::string_view expected, absl::string_view found) const {
  return Corrupt(path_, Label(*this), expected, found);
}

absl::Status OnnxNode::Unsupported(absl::string_view what) const {
  return absl::UnimplementedError(absl::StrCat(path_, ": ", Label(*this), ": ", what,
                                               "; loaders/onnx/README.md lists what is supported"));
}

const onnx::AttributeProto* OnnxNode::Find(absl::string_view name) const {
  for (const onnx::AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() == std::string(name)) return &attribute;
  }
  return nullptr;
}

absl::StatusOr<int64_t> OnnxNode::Int(absl::string_view name, int64_t otherwise) const {
  const onnx::AttributeProto* attribute = Find(name);
  if (attribute == nullptr) return otherwise;
  if (!attribute->has_i()) return WrongKind(*this, name, "a whole number");
  return attribute->i();
}

absl::StatusOr<double> OnnxNode::Float(absl::string_view name, double otherwise) const {
  const onnx::AttributeProto* attribute = Find(name);
  if (attribute == nullptr) return otherwise;
  if (!attribute->has_f()) return WrongKind(*this, name, "a float");
  return attribute->f();
}

absl::StatusOr<std::string> OnnxNode::String(absl::string_view name,
                                             absl::string_view otherwise) const {
  const onnx::AttributeProto* attribute = Find(name);
  if (attribute == nullptr) return std::string(otherwise);
  if (!attribute->has_s()) return WrongKind(*this, name, "a text");
  return attribute->s();
}

absl::StatusOr<OnnxShape> OnnxNode::Ints(absl::string_view name, int count,
                                         int64_t otherwise) const {
  const onnx::AttributeProto* attribute = Find(name);
  if (attribute == nullptr) return OnnxShape(static_cast<size_t>(count < 0 ? 0 : count), otherwise);
  if (count >= 0 && attribute->ints_size() != count) {
    return Broken(absl::StrCat("attribute ", name, " to have ", count, " whole numbers"),
                  absl::StrCat(attribute->ints_size()));
  }
  return OnnxShape(attribute->ints().begin(), attribute->ints().end());
}

absl::StatusOr<std::vector<float>> OnnxNode::Floats(absl::string_view name) const {
  const onnx::AttributeProto* attribute = Find(name);
  if (attribute == nullptr) return WrongKind(*this, name, "floats");
  return std::vector<float>(attribute->floats().begin(), attribute->floats().end());
}

absl::StatusOr<std::vector<std::string>> OnnxNode::Strings(absl::string_view name) const {
  const onnx::AttributeProto* attribute = Find(name);
  if (attribute == nullptr) return WrongKind(*this, name, "texts");
  return std::vector<std::string>(attribute->strings().begin(), attribute->strings().end());
}

absl::StatusOr<const onnx::TensorProto*> OnnxNode::Tensor(absl::string_view name) const {
  const onnx::AttributeProto* attribute = Find(name);
  if (attribute == nullptr || !attribute->has_t()) return WrongKind(*this, name, "a tensor");
  return &attribute->t();
}

}  // namespace kinglet
