#include "loaders/tflite/translator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {
namespace {

using Shape64 = std::vector<int64_t>;

const Shape64 kToImage = {0, 3, 1, 2}, kFromImage = {0, 2, 3, 1};

Shape64 Permuted(const Shape64& shape, const Shape64& permutation) {
  Shape64 result;
  for (const int64_t d : permutation) result.push_back(shape[static_cast<size_t>(d)]);
  return result;
}

int64_t CodeOf(double real, const TfliteTensor& tensor, int64_t otherwise) {
  if (std::isinf(real)) return otherwise;
  const double low = tensor.type == KL_TYPE_U8 ? 0 : -128, high = low + 255;
  const double code = std::round(real / static_cast<double>(tensor.scales[0])) +
                      static_cast<double>(tensor.zero_points[0]);
  return static_cast<int64_t>(std::clamp(code, low, high));
}

int64_t Count(const Shape64& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

}  // namespace

std::vector<uint8_t> PermuteConstant(const uint8_t* data, const Shape64& shape,
                                     const Shape64& permutation, uint32_t element_bytes) {
  const Shape64 to_shape = Permuted(shape, permutation);
  Shape64 strides(shape.size(), 1);
  for (size_t d = shape.size(); d > 1; --d) strides[d - 2] = strides[d - 1] * shape[d - 1];
  const int64_t count = Count(shape);
  std::vector<uint8_t> to(static_cast<size_t>(count) * element_bytes);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, from = 0;
    for (size_t d = to_shape.size(); d-- > 0;) {
      from += rest % to_shape[d] * strides[static_cast<size_t>(permutation[d])];
      rest /= to_shape[d];
    }
    std::memcpy(&to[static_cast<size_t>(i) * element_bytes],
                data + static_cast<size_t>(from) * element_bytes, element_bytes);
  }
  return to;
}

std::pair<double, double> TfliteClamp(tflite::Activation activation) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (activation) {
    case tflite::Activation_RELU:
      return {0.0, kInfinity};
    case tflite::Activation_RELU_N1_TO_1:
      return {-1.0, 1.0};
    case tflite::Activation_RELU6:
      return {0.0, 6.0};
    default:
      return {-kInfinity, kInfinity};
  }
}

void AppendTfliteClamp(const TfliteTensor& y, tflite::Activation activation,
                       std::vector<GraphAttribute>* attributes) {
  const auto [low, high] = TfliteClamp(activation);
  const int64_t lowest = y.type == KL_TYPE_U8 ? 0 : -128;
  attributes->push_back({"minimum", CodeOf(low, y, lowest)});
  attributes->push_back({"maximum", CodeOf(high, y, lowest + 255)});
}

TfliteTranslator::TfliteTranslator(const TfliteFile& file, ModelSource* source)
    : file_(file), source_(source), values_(file.tensors.size()) {}

absl::Status TfliteTranslator::Translate() {
  for (const int32_t input : file_.inputs) {
    const TfliteTensor& from = tensor(input);
    values_[static_cast<size_t>(input)].file = AddValue(from.name, from.type, from.shape);
    graph_.inputs.push_back(values_[static_cast<size_t>(input)].file);
  }
  for (const TfliteOperator& op : file_.operators) {
    const TfliteTranslation translation = FindTfliteTranslation(op.code);
    if (translation == nullptr) {
      return absl::UnimplementedError(
          absl::StrCat(file_.path, ": operator ", op.name, op.custom.empty() ? "" : " ", op.custom,
                       " is not supported; supported are ", TfliteTranslationNames()));
    }
    KL_RETURN_IF_ERROR(translation(op, this));
  }
  for (const int32_t output : file_.outputs) {
    // A value of its own, with the tensor's name: an input or constant that is an output is copied.
    KL_ASSIGN_OR_RETURN(const int32_t value, Value(output, TfliteOrder::kFile));
    const TfliteTensor& from = tensor(output);
    const bool made = [&] {
      for (const GraphNode& node : graph_.nodes) {
        if (node.operands.back() == value) return true;
      }
      return false;
    }();
    graph_.outputs.push_back(
        made ? value : Emit("reshape", "output " + from.name, {}, {value}, from.type, from.shape));
    graph_.values[static_cast<size_t>(graph_.outputs.back())].name = from.name;
  }
  source_->graph = std::move(graph_);
  return absl::OkStatus();
}

absl::StatusOr<int32_t> TfliteTranslator::Input(const TfliteOperator& op, size_t position) const {
  const int32_t index = OptionalInput(op, position);
  if (index >= 0) return index;
  return Broken(op, absl::StrCat("an input ", position), "none");
}

Shape64 TfliteTranslator::Shape(int32_t index, TfliteOrder order) const {
  const Shape64& shape = tensor(index).shape;
  return order == TfliteOrder::kImage ? Permuted(shape, kToImage) : shape;
}

int32_t TfliteTranslator::AddValue(const std::string& name, kl_dtype type, Shape64 shape) {
  GraphValue value;
  value.name = name;
  value.type = type;
  value.shape = std::move(shape);
  graph_.values.push_back(std::move(value));
  return static_cast<int32_t>(graph_.values.size()) - 1;
}

absl::StatusOr<int32_t> TfliteTranslator::Value(int32_t index, TfliteOrder order) {
  const TfliteTensor& from = tensor(index);
  Values& values = values_[static_cast<size_t>(index)];
  int32_t& wanted = order == TfliteOrder::kImage ? values.image : values.file;
  if (wanted >= 0) return wanted;
  const int32_t other = order == TfliteOrder::kImage ? values.file : values.image;
  const uint32_t size = kl_dtype_info_of(from.type).block_bytes;
  if (order == TfliteOrder::kImage && from.shape.size() != 4)
    return Corrupt(file_.path, absl::StrCat("tensor ", Quoted(from.name)), "four dimensions",
                   absl::StrCat(from.shape.size()));
  if (from.data != nullptr) {
    wanted = order == TfliteOrder::kFile
                 ? Constant(from.name, from.type, from.shape,
                            std::vector<uint8_t>(from.data, from.data + from.bytes))
                 : Constant(absl::StrCat(from.name, "/image"), from.type,
                            Shape(index, TfliteOrder::kImage),
                            PermuteConstant(from.data, from.shape, kToImage, size));
    return wanted;
  }
  if (other < 0)
    return Corrupt(file_.path, absl::StrCat("tensor ", Quoted(from.name)),
                   "an operator that makes it before it is read", "none");
  const Shape64 shape = Shape(index, order);
  const bool same_order = from.shape[3] == 1 || from.shape[1] * from.shape[2] == 1;
  const Shape64& permutation = order == TfliteOrder::kImage ? kToImage : kFromImage;
  std::vector<GraphAttribute> attributes;
  if (!same_order) attributes.push_back({"permutation", permutation});
  wanted = Emit(same_order ? "reshape" : "transpose", from.name, std::move(attributes), {other},
                from.type, shape);
  return wanted;
}

absl::StatusOr<int32_t> TfliteTranslator::FloatValue(int32_t index, TfliteOrder order) {
  KL_ASSIGN_OR_RETURN(const int32_t value, Value(index, order));
  const TfliteTensor& from = tensor(index);
  if (from.type == KL_TYPE_F32) return value;
  if (from.type == KL_TYPE_F16)
    return Emit("cast", from.name, {}, {value}, KL_TYPE_F32, Shape(index, order));
  if (!from.quantised())
    return Corrupt(file_.path, absl::StrCat("tensor ", Quoted(from.name)),
                   "floats or quantised data", kl_dtype_info_of(from.type).name);
  int64_t axis = from.axis;
  if (order == TfliteOrder::kImage) axis = axis == 3 ? 1 : axis == 0 ? 0 : axis + 1;
  const auto [scale, zero] = Quantisation(index);
  return Emit("dequantize_linear", from.name, {{"axis", axis}}, {value, scale, zero}, KL_TYPE_F32,
              Shape(index, order));
}

bool TfliteTranslator::IsCodes(int32_t index) const {
  const TfliteTensor& from = tensor(index);
  return (from.type == KL_TYPE_I8 || from.type == KL_TYPE_U8) && from.scales.size() == 1;
}

bool TfliteTranslator::SameCodes(int32_t a, int32_t b) const {
  const TfliteTensor &first = tensor(a), &second = tensor(b);
  return IsCodes(a) && first.type == second.type && first.scales == second.scales &&
         first.zero_points == second.zero_points;
}

absl::StatusOr<Shape64> TfliteTranslator::ConstantInts(const TfliteOperator& op,
                                                       int32_t index) const {
  const TfliteTensor& from = tensor(index);
  if (from.data == nullptr || (from.type != KL_TYPE_I32 && from.type != KL_TYPE_I64))
    return Unsupported(
        op, absl::StrCat("tensor ", Quoted(from.name), ", which must be constant whole numbers"));
  Shape64 values;
  const size_t size = kl_dtype_info_of(from.type).block_bytes;
  for (uint64_t at = 0; at < from.bytes; at += size) {
    int64_t wide = 0;
    int32_t narrow = 0;
    if (size == 8) std::memcpy(&wide, from.data + at, 8);
    if (size == 4) std::memcpy(&narrow, from.data + at, 4);
    values.push_back(size == 8 ? wide : narrow);
  }
  return values;
}

int32_t TfliteTranslator::Emit(absl::string_view op, const std::string& name,
                               std::vector<GraphAttribute> attributes,
                               std::vector<int32_t> operands, kl_dtype type, Shape64 shape) {
  const int32_t value =
      AddValue(absl::StrCat(name, "/", graph_.values.size()), type, std::move(shape));
  operands.push_back(value);
  graph_.nodes.push_back({std::string(op), name, std::move(attributes), std::move(operands)});
  return value;
}

absl::Status TfliteTranslator::Define(const TfliteOperator& op, int32_t index, TfliteOrder order,
                                      int32_t value) {
  const TfliteTensor& to = tensor(index);
  const GraphValue& made = graph_.values[static_cast<size_t>(value)];
  if (order == TfliteOrder::kImage && to.shape.size() != 4)
    return Broken(op, "an output of four dimensions", absl::StrCat(to.shape.size()));
  if (made.type != to.type || made.shape != Shape(index, order)) {
    return Broken(op,
                  absl::StrCat("an output ", kl_dtype_info_of(made.type).name, " [",
                               absl::StrJoin(made.shape, ", "), "]"),
                  absl::StrCat(kl_dtype_info_of(to.type).name, " [",
                               absl::StrJoin(Shape(index, order), ", "), "]"));
  }
  (order == TfliteOrder::kImage ? values_[static_cast<size_t>(index)].image
                                : values_[static_cast<size_t>(index)].file) = value;
  return absl::OkStatus();
}

absl::Status TfliteTranslator::DefineFloat(const TfliteOperator& op, int32_t index,
                                           TfliteOrder order, int32_t value,
                                           tflite::Activation activation) {
  const TfliteTensor& to = tensor(index);
  const Shape64 shape = graph_.values[static_cast<size_t>(value)].shape;
  const auto [low, high] = TfliteClamp(activation);
  if (activation == tflite::Activation_TANH) {
    value = Emit("tanh", op.name, {}, {value}, KL_TYPE_F32, shape);
  } else if (low == 0.0 && std::isinf(high)) {
    value = Emit("relu", op.name, {}, {value}, KL_TYPE_F32, shape);
  } else if (!std::isinf(low)) {
    value =
        Emit("clip", op.name, {{"minimum", low}, {"maximum", high}}, {value}, KL_TYPE_F32, shape);
  } else if (activation != tflite::Activation_NONE) {
    return Unsupported(op, absl::StrCat("activation ", activation));
  }
  if (to.type == KL_TYPE_I8 || to.type == KL_TYPE_U8) {
    if (to.scales.size() != 1) return Broken(op, "an output with one scale", "others");
    const auto [scale, zero] = Quantisation(index);
    value = Emit("quantize_linear", op.name, {{"axis", int64_t{0}}}, {value, scale, zero}, to.type,
                 shape);
  }
  return Define(op, index, order, value);
}

int32_t TfliteTranslator::Constant(const std::string& name, kl_dtype type, Shape64 shape,
                                   std::vector<uint8_t> bytes) {
  const int32_t value = AddValue(absl::StrCat(name, "/", graph_.values.size()), type, shape);
  GraphValue& made = graph_.values.back();
  made.constant = true;
  source_->owned.push_back(std::make_unique<std::vector<uint8_t>>(std::move(bytes)));
  SourceTensor to;
  to.name = made.name;
  to.type = type;
  to.shape = std::move(shape);
  to.data = source_->owned.back()->data();
  to.bytes = source_->owned.back()->size();
  source_->tensor_index.emplace(to.name, source_->tensors.size());
  source_->tensors.push_back(std::move(to));
  return value;
}

int32_t TfliteTranslator::FloatConstant(const std::string& name, const std::vector<float>& values,
                                        Shape64 shape) {
  std::vector<uint8_t> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return Constant(name, KL_TYPE_F32, std::move(shape), std::move(bytes));
}

std::pair<int32_t, int32_t> TfliteTranslator::Quantisation(int32_t index) {
  const TfliteTensor& from = tensor(index);
  const Shape64 shape =
      from.scales.size() == 1 ? Shape64{} : Shape64{static_cast<int64_t>(from.scales.size())};
  std::vector<uint8_t> zeros;
  for (const int64_t zero : from.zero_points) {
    const int32_t narrow = static_cast<int32_t>(zero);
    const size_t size = kl_dtype_info_of(from.type).block_bytes;
    zeros.resize(zeros.size() + size);
    std::memcpy(&zeros[zeros.size() - size], &narrow, size);
  }
  return {FloatConstant(from.name + "/scale", from.scales, shape),
          Constant(from.name + "/zero_point", from.type, shape, std::move(zeros))};
}

absl::Status TfliteTranslator::Broken(const TfliteOperator& op, absl::string_view expected,
                                      absl::string_view found) const {
  return Corrupt(file_.path, absl::StrCat("operator ", op.name), expected, found);
}

absl::Status TfliteTranslator::Unsupported(const TfliteOperator& op, absl::string_view what) const {
  return absl::UnimplementedError(
      absl::StrCat(file_.path, ": operator ", op.name, ": ", what, " is not supported"));
}

}  // namespace kinglet
