// What is known at load: Constant, Shape, Size, ConstantOfShape, Range.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/ops.h"

namespace kinglet {

KL_ONNX_TRANSLATION(Constant) {
  if (node.Has("value")) {
    KL_ASSIGN_OR_RETURN(const onnx::TensorProto* tensor, node.Tensor("value"));
    KL_ASSIGN_OR_RETURN(OnnxConstant constant, ReadOnnxTensor(*tensor, translator->path()));
    return translator->SetConstant(node, std::move(constant));
  }
  if (node.Has("value_float")) {
    KL_ASSIGN_OR_RETURN(const double value, node.Float("value_float", 0));
    return translator->SetConstant(node, RealConstant(KL_TYPE_F32, {}, {value}));
  }
  if (node.Has("value_floats")) {
    KL_ASSIGN_OR_RETURN(const std::vector<float> floats, node.Floats("value_floats"));
    const std::vector<double> values(floats.begin(), floats.end());
    return translator->SetConstant(
        node, RealConstant(KL_TYPE_F32, {static_cast<int64_t>(values.size())}, values));
  }
  if (node.Has("value_int")) {
    KL_ASSIGN_OR_RETURN(const int64_t value, node.Int("value_int", 0));
    return translator->SetConstant(node, IntConstant({value}, {}));
  }
  if (node.Has("value_ints")) {
    KL_ASSIGN_OR_RETURN(const OnnxShape values, node.Ints("value_ints", -1, 0));
    return translator->SetConstant(node,
                                   IntConstant(values, {static_cast<int64_t>(values.size())}));
  }
  return node.Unsupported("constants other than value, value_float(s) and value_int(s)");
}

KL_ONNX_TRANSLATION(Shape) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxShape& shape = translator->value(x).shape;
  const int64_t rank = static_cast<int64_t>(shape.size());
  if (node.op_type() == "Size")
    return translator->SetConstant(node, IntConstant({ElementCount(shape)}, {}));
  KL_ASSIGN_OR_RETURN(int64_t start, node.Int("start", 0));
  KL_ASSIGN_OR_RETURN(int64_t end, node.Int("end", rank));
  const auto clamp = [rank](int64_t d) {
    return std::clamp<int64_t>(d < 0 ? d + rank : d, 0, rank);
  };
  start = clamp(start);
  end = std::max(clamp(end), start);
  const OnnxShape part(shape.begin() + start, shape.begin() + end);
  return translator->SetConstant(node, IntConstant(part, {end - start}));
}

KL_ONNX_TRANSLATION(ConstantOfShape) {
  KL_ASSIGN_OR_RETURN(const OnnxShape shape, translator->ConstantInts(node, 0));
  OnnxConstant value = RealConstant(KL_TYPE_F32, {1}, {0.0});
  if (node.Has("value")) {
    KL_ASSIGN_OR_RETURN(const onnx::TensorProto* tensor, node.Tensor("value"));
    KL_ASSIGN_OR_RETURN(value, ReadOnnxTensor(*tensor, translator->path()));
  }
  if (ElementCount(value.shape) != 1) return node.Broken("a value of one element", "another");
  value.shape.clear();
  int64_t count = 0;
  if (!OnnxElementCount(shape, value.type, &count))
    return node.Broken("a shape of at most 2^40 bytes", absl::StrCat(shape.size(), " dimensions"));
  auto result = FoldExpand(value, shape);
  if (!result.has_value())
    return node.Unsupported(absl::StrCat("a result of more than ", kLargestFold, " elements"));
  return translator->SetConstant(node, *std::move(result));
}

KL_ONNX_TRANSLATION(Range) {
  double limits[3] = {0, 0, 0};
  kl_dtype type = KL_TYPE_NONE;
  std::vector<int64_t> whole(3);
  for (int i = 0; i < 3; ++i) {
    KL_ASSIGN_OR_RETURN(const int32_t id, translator->Input(node, i));
    const OnnxConstant* constant = translator->value(id).constant.get();
    if (constant == nullptr || ElementCount(constant->shape) != 1)
      return node.Unsupported("limits that are not constant scalars");
    if (i > 0 && constant->type != type) return node.Broken("limits of one type", "several");
    type = constant->type;
    limits[i] = Reals(*constant)[0];
    whole[static_cast<size_t>(i)] = Wholes(*constant)[0];
  }
  if (type == KL_TYPE_F16 || type == KL_TYPE_BF16) return node.Unsupported("16-bit floats");
  const double count = std::max(0.0, std::ceil((limits[1] - limits[0]) / limits[2]));
  if (!(count <= static_cast<double>(kLargestFold)))
    return node.Broken(absl::StrCat("a range of at most ", kLargestFold, " elements"),
                       absl::StrCat(count));
  const size_t length = static_cast<size_t>(count);
  const OnnxShape shape = {static_cast<int64_t>(length)};
  if (IsOnnxFloat(type)) {
    std::vector<double> values(length);
    for (size_t i = 0; i < length; ++i) values[i] = limits[0] + static_cast<double>(i) * limits[2];
    return translator->SetConstant(node, RealConstant(type, shape, values));
  }
  std::vector<int64_t> values(length);
  for (size_t i = 0; i < length; ++i) values[i] = whole[0] + static_cast<int64_t>(i) * whole[2];
  return translator->SetConstant(node, WholeConstant(type, shape, values));
}

}  // namespace kinglet
