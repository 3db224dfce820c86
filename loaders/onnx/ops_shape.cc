// Reshape, Flatten, Squeeze, Unsqueeze, Identity (and Dropout), Transpose.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

// The axes of Squeeze and Unsqueeze, an attribute before operator set 13 and an input since, as
// flags of `rank` dimensions.
absl::StatusOr<std::vector<bool>> ReadAxes(const OnnxNode& node, const std::vector<int64_t>& axes,
                                           int64_t rank) {
  std::vector<bool> flags(static_cast<size_t>(rank), false);
  for (const int64_t axis : axes) {
    KL_ASSIGN_OR_RETURN(const int64_t d, OnnxAxis(node, axis, rank));
    if (flags[static_cast<size_t>(d)])
      return node.Broken("each axis once", absl::StrCat(axis, " twice"));
    flags[static_cast<size_t>(d)] = true;
  }
  return flags;
}

absl::StatusOr<std::vector<int64_t>> AxesOf(const OnnxNode& node, OnnxTranslator* translator) {
  if (translator->opset() < 13) return node.Ints("axes", -1, 0);
  return translator->ConstantInts(node, 1);
}

OnnxConstant TransposedConstant(const OnnxConstant& from, const OnnxShape& permutation,
                                const OnnxShape& shape) {
  OnnxConstant to;
  to.type = from.type;
  to.shape = shape;
  to.bytes.resize(from.bytes.size());
  const size_t rank = shape.size(), size = kl_dtype_info_of(from.type).block_bytes;
  OnnxShape strides(rank, 1);  // of `from`, in elements
  for (size_t d = rank; d > 1; --d) strides[d - 2] = strides[d - 1] * from.shape[d - 1];
  OnnxShape index(rank, 0);
  for (size_t at = 0; at < to.bytes.size(); at += size) {
    int64_t source = 0;
    for (size_t d = 0; d < rank; ++d)
      source += index[d] * strides[static_cast<size_t>(permutation[d])];
    std::memcpy(&to.bytes[at], &from.bytes[static_cast<size_t>(source) * size], size);
    for (size_t d = rank; d > 0 && ++index[d - 1] == shape[d - 1]; --d) index[d - 1] = 0;
  }
  return to;
}

}  // namespace

absl::StatusOr<int64_t> OnnxAxis(const OnnxNode& node, int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  return node.Broken(absl::StrCat("an axis within ", rank, " dimensions"), absl::StrCat(axis));
}

absl::Status ReshapeOnnxValue(const OnnxNode& node, OnnxTranslator* translator, int32_t id,
                              OnnxShape shape) {
  const OnnxValue& from = translator->value(id);
  int64_t count = 0;
  if (!OnnxElementCount(shape, from.type, &count) || count != ElementCount(from.shape)) {
    return node.Broken(absl::StrCat("a shape with as many elements as ", ShapeText(from.shape)),
                       ShapeText(shape));
  }
  if (from.constant != nullptr) {
    OnnxConstant constant = *from.constant;
    constant.shape = std::move(shape);
    return translator->SetConstant(node, std::move(constant));
  }
  return translator->Emit(node, "reshape", {}, {id}, from.type, std::move(shape));
}

KL_ONNX_TRANSLATION(Reshape) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  if (!translator->IsConstantInput(node, 1)) {
    KL_ASSIGN_OR_RETURN(OnnxShape stated, translator->StatedShape(node, 0, 1));
    return ReshapeOnnxValue(node, translator, x, std::move(stated));
  }
  KL_ASSIGN_OR_RETURN(OnnxShape shape, translator->ConstantInts(node, 1));
  KL_ASSIGN_OR_RETURN(const int64_t allow_zero, node.Int("allowzero", 0));
  const OnnxShape& from = translator->value(x).shape;
  int64_t known = 1;
  size_t open = shape.size();
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0 && allow_zero == 0) {
      if (d >= from.size())
        return node.Broken("a 0 only for dimensions that the input has", ShapeText(shape));
      shape[d] = from[d];
    }
    if (shape[d] == -1 && open == shape.size()) {
      open = d;
    } else if (shape[d] < 0 || !OnnxElementCount({known, shape[d]}, KL_TYPE_I8, &known)) {
      return node.Broken("dimensions of 0 or more, and at most one -1", ShapeText(shape));
    }
  }
  if (open < shape.size()) {
    if (known == 0) return node.Broken("no 0 beside a -1", ShapeText(shape));
    shape[open] = ElementCount(from) / known;
  }
  return ReshapeOnnxValue(node, translator, x, std::move(shape));
}

KL_ONNX_TRANSLATION(Flatten) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxShape& from = translator->value(x).shape;
  const int64_t rank = static_cast<int64_t>(from.size());
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", 1));
  if (axis != rank) {
    KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, rank));
  }
  OnnxShape shape = {1, 1};
  for (int64_t d = 0; d < rank; ++d) shape[d < axis ? 0 : 1] *= from[static_cast<size_t>(d)];
  return ReshapeOnnxValue(node, translator, x, std::move(shape));
}

KL_ONNX_TRANSLATION(Squeeze) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxShape& from = translator->value(x).shape;
  if (translator->opset() >= 13 && node.HasInput(1) && !translator->IsConstantInput(node, 1)) {
    KL_ASSIGN_OR_RETURN(OnnxShape stated, translator->StatedShape(node, 0, 1));
    return ReshapeOnnxValue(node, translator, x, std::move(stated));
  }
  const bool all = translator->opset() < 13 ? !node.Has("axes") : !node.HasInput(1);
  std::vector<bool> drop(from.size());
  for (size_t d = 0; d < from.size(); ++d) drop[d] = from[d] == 1;
  if (!all) {
    KL_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, AxesOf(node, translator));
    KL_ASSIGN_OR_RETURN(drop, ReadAxes(node, axes, static_cast<int64_t>(from.size())));
  }
  OnnxShape shape;
  for (size_t d = 0; d < from.size(); ++d) {
    if (!drop[d]) shape.push_back(from[d]);
    if (drop[d] && from[d] != 1) return node.Broken("axes of size 1", ShapeText(from));
  }
  return ReshapeOnnxValue(node, translator, x, std::move(shape));
}

KL_ONNX_TRANSLATION(Unsqueeze) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  if (translator->opset() >= 13 && node.HasInput(1) && !translator->IsConstantInput(node, 1)) {
    KL_ASSIGN_OR_RETURN(OnnxShape stated, translator->StatedShape(node, 0, 1));
    return ReshapeOnnxValue(node, translator, x, std::move(stated));
  }
  const OnnxShape& from = translator->value(x).shape;
  KL_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, AxesOf(node, translator));
  if (axes.size() > KL_MAX_RANK) return node.Broken("at most 6 axes", absl::StrCat(axes.size()));
  const size_t rank = from.size() + axes.size();
  KL_ASSIGN_OR_RETURN(const std::vector<bool> added,
                      ReadAxes(node, axes, static_cast<int64_t>(rank)));
  OnnxShape shape;
  size_t next = 0;
  for (size_t d = 0; d < rank; ++d) shape.push_back(added[d] ? 1 : from[next++]);
  return ReshapeOnnxValue(node, translator, x, std::move(shape));
}

KL_ONNX_TRANSLATION(Identity) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  if (node.op_type() == "Dropout" && node.HasInput(2)) {
    // Operator set 12 and later: an explicit training mode.
    const OnnxConstant* training = nullptr;
    KL_ASSIGN_OR_RETURN(const int32_t id, translator->Input(node, 2));
    training = translator->value(id).constant.get();
    if (training == nullptr || std::any_of(training->bytes.begin(), training->bytes.end(),
                                           [](uint8_t b) { return b != 0; })) {
      return node.Unsupported("training mode");
    }
  }
  return ReshapeOnnxValue(node, translator, x, translator->value(x).shape);
}

KL_ONNX_TRANSLATION(Transpose) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxValue& from = translator->value(x);
  const size_t rank = from.shape.size();
  OnnxShape permutation(rank);
  for (size_t d = 0; d < rank; ++d) permutation[d] = static_cast<int64_t>(rank - 1 - d);
  if (node.Has("perm")) {
    KL_ASSIGN_OR_RETURN(permutation, node.Ints("perm", static_cast<int>(rank), 0));
  }
  KL_ASSIGN_OR_RETURN(const std::vector<bool> seen,
                      ReadAxes(node, permutation, static_cast<int64_t>(rank)));
  OnnxShape shape;
  for (int64_t& d : permutation) {
    if (d < 0) d += static_cast<int64_t>(rank);
    shape.push_back(from.shape[static_cast<size_t>(d)]);
  }
  if (from.constant != nullptr) {
    return translator->SetConstant(node, TransposedConstant(*from.constant, permutation, shape));
  }
  if (rank == 0) return ReshapeOnnxValue(node, translator, x, {});
  return translator->Emit(node, "transpose", {{"permutation", permutation}}, {x}, from.type,
                          std::move(shape));
}

}  // namespace kinglet
