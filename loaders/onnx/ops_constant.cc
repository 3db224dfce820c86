// What is computed at load: Constant, Shape, and the arithmetic on shapes that exporters write.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

// Folding is meant for shapes; larger constants are the work of an exporter's optimiser.
constexpr int64_t kLargestFold = int64_t{1} << 20;

absl::StatusOr<const OnnxConstant*> ConstantInput(const OnnxNode& node,
                                                  const OnnxTranslator& translator, int index) {
  KL_ASSIGN_OR_RETURN(const int32_t id, translator.Input(node, index));
  const OnnxConstant* constant = translator.value(id).constant.get();
  if (constant == nullptr) {
    return node.Unsupported(
        absl::StrCat("it is computed at load only, and its input ", index, " is not constant"));
  }
  return constant;
}

OnnxConstant FloatScalar(float value) {
  OnnxConstant constant;
  constant.bytes.resize(sizeof value);
  std::memcpy(constant.bytes.data(), &value, sizeof value);
  return constant;
}

// Product of the dimensions [begin, end).
size_t Product(const OnnxShape& shape, size_t begin, size_t end) {
  size_t product = 1;
  for (size_t d = begin; d < end; ++d) product *= static_cast<size_t>(shape[d]);
  return product;
}

}  // namespace

KL_ONNX_TRANSLATION(Constant) {
  if (node.Has("value")) {
    KL_ASSIGN_OR_RETURN(const onnx::TensorProto* tensor, node.Tensor("value"));
    KL_ASSIGN_OR_RETURN(OnnxConstant constant, ReadOnnxTensor(*tensor, translator->path()));
    return translator->SetConstant(node, std::move(constant));
  }
  if (node.Has("value_float")) {
    KL_ASSIGN_OR_RETURN(const double value, node.Float("value_float", 0));
    return translator->SetConstant(node, FloatScalar(static_cast<float>(value)));
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
  return node.Unsupported("constants other than value, value_float, value_int and value_ints");
}

KL_ONNX_TRANSLATION(Shape) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxShape& shape = translator->value(x).shape;
  const int64_t rank = static_cast<int64_t>(shape.size());
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

KL_ONNX_TRANSLATION(Gather) {
  KL_ASSIGN_OR_RETURN(const OnnxConstant* data, ConstantInput(node, *translator, 0));
  KL_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, translator->ConstantInts(node, 1));
  KL_ASSIGN_OR_RETURN(const int32_t indices_id, translator->Input(node, 1));
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", 0));
  const int64_t rank = static_cast<int64_t>(data->shape.size());
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, rank));
  const size_t a = static_cast<size_t>(axis);
  const OnnxShape& indices_shape = translator->value(indices_id).shape;
  OnnxConstant result;
  result.type = data->type;
  result.shape.assign(data->shape.begin(), data->shape.begin() + axis);
  result.shape.insert(result.shape.end(), indices_shape.begin(), indices_shape.end());
  result.shape.insert(result.shape.end(), data->shape.begin() + axis + 1, data->shape.end());
  int64_t count = 0;
  if (!OnnxElementCount(result.shape, result.type, &count) || count > kLargestFold) {
    return node.Unsupported(absl::StrCat("a result of more than ", kLargestFold, " elements"));
  }
  const size_t outer = Product(data->shape, 0, a);
  const size_t inner =
      Product(data->shape, a + 1, data->shape.size()) * kl_dtype_info_of(data->type).block_bytes;
  const int64_t size = data->shape[a];
  for (size_t o = 0; o < outer; ++o) {
    for (const int64_t index : indices) {
      KL_ASSIGN_OR_RETURN(const int64_t row, OnnxAxis(node, index, size));
      const uint8_t* from =
          data->bytes.data() + (o * static_cast<size_t>(size) + static_cast<size_t>(row)) * inner;
      result.bytes.insert(result.bytes.end(), from, from + inner);
    }
  }
  return translator->SetConstant(node, std::move(result));
}

KL_ONNX_TRANSLATION(Concat) {
  std::vector<const OnnxConstant*> parts;
  for (int i = 0; i < node.input_count(); ++i) {
    KL_ASSIGN_OR_RETURN(const OnnxConstant* part, ConstantInput(node, *translator, i));
    parts.push_back(part);
  }
  if (parts.empty()) return node.Broken("an input", "none");
  if (!node.Has("axis")) return node.Broken("attribute axis", "none");
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", 0));
  const OnnxConstant& first = *parts[0];
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, static_cast<int64_t>(first.shape.size())));
  const size_t a = static_cast<size_t>(axis);
  OnnxConstant result;
  result.type = first.type;
  result.shape = first.shape;
  result.shape[a] = 0;
  int64_t count = 0;
  for (const OnnxConstant* part : parts) {
    OnnxShape expected = first.shape;
    if (part->shape.size() == expected.size()) expected[a] = part->shape[a];
    if (part->type != first.type || part->shape != expected) {
      return node.Broken("inputs alike in type and shape but for the axis", "others");
    }
    result.shape[a] += part->shape[a];
    if (!OnnxElementCount(result.shape, result.type, &count) || count > kLargestFold) {
      return node.Unsupported(absl::StrCat("a result of more than ", kLargestFold, " elements"));
    }
  }
  const size_t outer = Product(first.shape, 0, a);
  for (size_t o = 0; o < outer; ++o) {
    for (const OnnxConstant* part : parts) {
      const auto begin =
          part->bytes.begin() + static_cast<std::ptrdiff_t>(part->bytes.size() / outer * o);
      result.bytes.insert(result.bytes.end(), begin,
                          begin + static_cast<std::ptrdiff_t>(part->bytes.size() / outer));
    }
  }
  return translator->SetConstant(node, std::move(result));
}

KL_ONNX_TRANSLATION(Cast) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  KL_ASSIGN_OR_RETURN(const int64_t to, node.Int("to", -1));
  const kl_dtype type = to < 0 || to > 1000 ? KL_TYPE_NONE : DtypeOfOnnx(static_cast<int>(to));
  if (type != KL_TYPE_NONE && type == translator->value(x).type) {
    return ReshapeOnnxValue(node, translator, x, translator->value(x).shape);
  }
  KL_ASSIGN_OR_RETURN(const std::vector<int64_t> values, translator->ConstantInts(node, 0));
  OnnxConstant result = IntConstant(values, translator->value(x).shape);
  if (type == KL_TYPE_I64) return translator->SetConstant(node, std::move(result));
  if (type != KL_TYPE_I32 && type != KL_TYPE_F32) {
    return node.Unsupported("whole numbers to other types than i64, i32 and f32");
  }
  result.type = type;
  result.bytes.resize(values.size() * 4);
  for (size_t i = 0; i < values.size(); ++i) {
    const int32_t whole = static_cast<int32_t>(values[i]);
    const float real = static_cast<float>(values[i]);
    std::memcpy(&result.bytes[i * 4],
                type == KL_TYPE_I32 ? static_cast<const void*>(&whole) : &real, 4);
  }
  return translator->SetConstant(node, std::move(result));
}

}  // namespace kinglet
