// Operators that move elements: Gather, Concat, Slice, Split, Expand, Tile.
#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

// Product of the dimensions [begin, end).
size_t Product(const OnnxShape& shape, size_t begin, size_t end) {
  size_t product = 1;
  for (size_t d = begin; d < end; ++d) product *= static_cast<size_t>(shape[d]);
  return product;
}

bool Folds(const OnnxShape& shape, kl_dtype type) {
  int64_t count = 0;
  return OnnxElementCount(shape, type, &count) && count <= kLargestFold;
}

absl::StatusOr<OnnxConstant> GatherConstant(const OnnxNode& node, const OnnxConstant& data,
                                            const std::vector<int64_t>& indices, size_t axis,
                                            OnnxShape shape) {
  OnnxConstant result;
  result.type = data.type;
  result.shape = std::move(shape);
  const size_t inner =
      Product(data.shape, axis + 1, data.shape.size()) * kl_dtype_info_of(data.type).block_bytes;
  const int64_t size = data.shape[axis];
  const size_t outer = Product(data.shape, 0, axis);
  for (size_t o = 0; o < outer; ++o) {
    for (const int64_t index : indices) {
      KL_ASSIGN_OR_RETURN(const int64_t row, OnnxAxis(node, index, size));
      const auto from = data.bytes.begin() +
                        static_cast<std::ptrdiff_t>(
                            (o * static_cast<size_t>(size) + static_cast<size_t>(row)) * inner);
      result.bytes.insert(result.bytes.end(), from, from + static_cast<std::ptrdiff_t>(inner));
    }
  }
  return result;
}

constexpr size_t kConcatInputs = 8;  // of op "concat"

OnnxConstant ConcatConstants(const std::vector<const OnnxConstant*>& parts, size_t axis,
                             OnnxShape shape) {
  OnnxConstant result;
  result.type = parts[0]->type;
  result.shape = std::move(shape);
  const size_t outer = Product(result.shape, 0, axis);
  for (size_t o = 0; o < outer; ++o) {
    for (const OnnxConstant* part : parts) {
      const auto begin =
          part->bytes.begin() + static_cast<std::ptrdiff_t>(part->bytes.size() / outer * o);
      result.bytes.insert(result.bytes.end(), begin,
                          begin + static_cast<std::ptrdiff_t>(part->bytes.size() / outer));
    }
  }
  return result;
}

// One dimension of Slice, clamped as ONNX says: begin, and how many elements there are.
void ClampSlice(int64_t size, int64_t start, int64_t end, int64_t step, int64_t* begin,
                int64_t* count) {
  const auto from_end = [size](int64_t v) { return v < 0 ? v + size : v; };
  if (step > 0) {
    *begin = std::clamp<int64_t>(from_end(start), 0, size);
    end = std::clamp<int64_t>(from_end(end), 0, size);
    *count = end > *begin ? (end - *begin - 1) / step + 1 : 0;
  } else {
    *begin = std::clamp<int64_t>(from_end(start), 0, std::max<int64_t>(size - 1, 0));
    // An end before the first element is -1 here.
    end = end < -size ? -1 : std::clamp<int64_t>(from_end(end), -1, size - 1);
    const int64_t magnitude =
        step == std::numeric_limits<int64_t>::min() ? std::numeric_limits<int64_t>::max() : -step;
    *count = *begin > end && size > 0 ? (*begin - end - 1) / magnitude + 1 : 0;
  }
}

absl::Status EmitSlice(const OnnxNode& node, OnnxTranslator* translator, int output, int32_t x,
                       const OnnxShape& begins, const OnnxShape& steps, const OnnxShape& shape) {
  const OnnxValue& from = translator->value(x);
  if (output == 0 && from.constant != nullptr) {
    auto folded = FoldSlice(*from.constant, begins, steps, shape);
    if (folded.has_value()) return translator->SetConstant(node, *std::move(folded));
  }
  return translator->EmitOutput(node, output, "slice", {{"begins", begins}, {"steps", steps}},
                                {x, kNoOnnxValue, kNoOnnxValue, kNoOnnxValue}, from.type, shape);
}

// Starts that only a run knows: the file states the result's shape.
absl::Status DynamicSlice(const OnnxNode& node, OnnxTranslator* translator, int32_t x) {
  KL_ASSIGN_OR_RETURN(const OnnxShape shape, translator->StatedShape(node, 0, 1));
  const size_t rank = translator->value(x).shape.size();
  KL_ASSIGN_OR_RETURN(const int32_t starts, translator->Input(node, 1));
  KL_ASSIGN_OR_RETURN(const int32_t axes, translator->OptionalInput(node, 3));
  KL_ASSIGN_OR_RETURN(const int32_t steps, translator->OptionalInput(node, 4));
  if (shape.size() != rank) return node.Broken("a result of the input's rank", ShapeText(shape));
  return translator->Emit(node, "slice",
                          {{"begins", OnnxShape(rank, 0)}, {"steps", OnnxShape(rank, 1)}},
                          {x, starts, axes, steps}, translator->value(x).type, shape);
}

}  // namespace

KL_ONNX_TRANSLATION(Gather) {
  KL_ASSIGN_OR_RETURN(const int32_t data, translator->Input(node, 0));
  KL_ASSIGN_OR_RETURN(const int32_t indices, translator->Input(node, 1));
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", 0));
  const OnnxValue& x = translator->value(data);
  const OnnxValue& index = translator->value(indices);
  if (index.type != KL_TYPE_I64 && index.type != KL_TYPE_I32)
    return node.Broken("indices of i64 or i32", kl_dtype_info_of(index.type).name);
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, static_cast<int64_t>(x.shape.size())));
  OnnxShape shape(x.shape.begin(), x.shape.begin() + axis);
  shape.insert(shape.end(), index.shape.begin(), index.shape.end());
  shape.insert(shape.end(), x.shape.begin() + axis + 1, x.shape.end());
  if (x.constant != nullptr && index.constant != nullptr && Folds(shape, x.type)) {
    KL_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, translator->ConstantInts(node, 1));
    KL_ASSIGN_OR_RETURN(OnnxConstant result, GatherConstant(node, *x.constant, numbers,
                                                            static_cast<size_t>(axis), shape));
    return translator->SetConstant(node, std::move(result));
  }
  return translator->Emit(node, "gather", {{"axis", axis}}, {data, indices}, x.type,
                          std::move(shape));
}

KL_ONNX_TRANSLATION(Concat) {
  std::vector<int32_t> parts;
  std::vector<const OnnxConstant*> constants;
  for (int i = 0; i < node.input_count(); ++i) {
    KL_ASSIGN_OR_RETURN(const int32_t part, translator->Input(node, i));
    parts.push_back(part);
    if (translator->value(part).constant != nullptr)
      constants.push_back(translator->value(part).constant.get());
  }
  if (parts.empty()) return node.Broken("an input", "none");
  if (!node.Has("axis")) return node.Broken("attribute axis", "none");
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", 0));
  const OnnxShape first = translator->value(parts[0]).shape;
  const kl_dtype type = translator->value(parts[0]).type;
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, static_cast<int64_t>(first.size())));
  const size_t a = static_cast<size_t>(axis);
  const auto joined = [&](size_t begin, size_t end, OnnxShape* shape) {
    *shape = first;
    (*shape)[a] = 0;
    for (size_t i = begin; i < end; ++i) (*shape)[a] += translator->value(parts[i]).shape[a];
  };
  int64_t total = 0;
  for (const int32_t part : parts) {
    OnnxShape expected = first;
    const OnnxValue& from = translator->value(part);
    if (from.shape.size() == expected.size()) expected[a] = from.shape[a];
    if (from.type != type || from.shape != expected)
      return node.Broken("inputs alike in type and shape but for the axis",
                         absl::StrCat(ShapeText(first), " and ", ShapeText(from.shape)));
    if (__builtin_add_overflow(total, from.shape[a], &total))
      return node.Broken("sizes whose sum fits 64 bits", "larger ones");
  }
  OnnxShape shape;
  joined(0, parts.size(), &shape);
  if (constants.size() == parts.size() && Folds(shape, type) && ElementCount(shape) > 0) {
    return translator->SetConstant(node, ConcatConstants(constants, a, shape));
  }
  if (parts.size() == 1) return ReshapeOnnxValue(node, translator, parts[0], shape);
  // Groups of as many inputs as the operator takes, until one group is left.
  while (parts.size() > kConcatInputs) {
    std::vector<int32_t> groups;
    for (size_t i = 0; i < parts.size(); i += kConcatInputs) {
      const size_t end = std::min(i + kConcatInputs, parts.size());
      std::vector<int32_t> operands(parts.begin() + static_cast<std::ptrdiff_t>(i),
                                    parts.begin() + static_cast<std::ptrdiff_t>(end));
      if (operands.size() == 1) {
        groups.push_back(operands[0]);
        continue;
      }
      operands.resize(kConcatInputs, kNoOnnxValue);
      OnnxShape part;
      joined(i, end, &part);
      KL_ASSIGN_OR_RETURN(
          const int32_t group,
          translator->EmitInner(node, "concat", {{"axis", axis}}, operands, part, type));
      groups.push_back(group);
    }
    parts = std::move(groups);
  }
  parts.resize(kConcatInputs, kNoOnnxValue);
  return translator->Emit(node, "concat", {{"axis", axis}}, parts, type, shape);
}

KL_ONNX_TRANSLATION(Slice) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxShape from = translator->value(x).shape;
  const int64_t rank = static_cast<int64_t>(from.size());
  OnnxShape starts, ends, axes, steps;
  if (translator->opset() < 10) {
    KL_ASSIGN_OR_RETURN(starts, node.Ints("starts", -1, 0));
    KL_ASSIGN_OR_RETURN(ends, node.Ints("ends", -1, 0));
    KL_ASSIGN_OR_RETURN(axes, node.Ints("axes", -1, 0));
  } else {
    for (int i = 1; i < 5; ++i) {
      if (node.HasInput(i) && !translator->IsConstantInput(node, i))
        return DynamicSlice(node, translator, x);
    }
    KL_ASSIGN_OR_RETURN(starts, translator->ConstantInts(node, 1));
    KL_ASSIGN_OR_RETURN(ends, translator->ConstantInts(node, 2));
    if (node.HasInput(3)) {
      KL_ASSIGN_OR_RETURN(axes, translator->ConstantInts(node, 3));
    }
    if (node.HasInput(4)) {
      KL_ASSIGN_OR_RETURN(steps, translator->ConstantInts(node, 4));
    }
  }
  if (axes.empty()) {
    for (size_t d = 0; d < starts.size(); ++d) axes.push_back(static_cast<int64_t>(d));
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (starts.size() != ends.size() || starts.size() != axes.size() || starts.size() != steps.size())
    return node.Broken(
        "as many starts as ends, axes and steps",
        absl::StrCat(starts.size(), ", ", ends.size(), ", ", axes.size(), ", ", steps.size()));
  OnnxShape begins(from.size(), 0), all_steps(from.size(), 1), shape = from;
  std::vector<bool> seen(from.size(), false);
  for (size_t i = 0; i < axes.size(); ++i) {
    KL_ASSIGN_OR_RETURN(const int64_t axis, OnnxAxis(node, axes[i], rank));
    const size_t d = static_cast<size_t>(axis);
    if (seen[d] || steps[i] == 0)
      return node.Broken("each axis once, and steps other than 0", "others");
    seen[d] = true;
    ClampSlice(from[d], starts[i], ends[i], steps[i], &begins[d], &shape[d]);
    all_steps[d] = shape[d] > 1 ? steps[i] : 1;
  }
  return EmitSlice(node, translator, 0, x, begins, all_steps, shape);
}

KL_ONNX_TRANSLATION(Split) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxShape from = translator->value(x).shape;
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", 0));
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, static_cast<int64_t>(from.size())));
  const size_t a = static_cast<size_t>(axis);
  const int outputs = node.proto().output_size();
  std::vector<int64_t> sizes;
  if (translator->opset() < 13) {
    KL_ASSIGN_OR_RETURN(sizes, node.Ints("split", -1, 0));
  } else if (node.HasInput(1) && translator->IsConstantInput(node, 1)) {
    KL_ASSIGN_OR_RETURN(sizes, translator->ConstantInts(node, 1));
  } else if (node.HasInput(1)) {
    for (int i = 0; i < outputs; ++i) {
      KL_ASSIGN_OR_RETURN(const OnnxShape stated, translator->StatedShape(node, i, 1));
      if (stated.size() != from.size()) return node.Broken("outputs of the input's rank", "others");
      sizes.push_back(stated[a]);
    }
  }
  if (sizes.empty()) {
    KL_ASSIGN_OR_RETURN(const int64_t count, node.Int("num_outputs", outputs));
    if (count < 1 || count != outputs)
      return node.Broken(absl::StrCat(outputs, " as num_outputs"), absl::StrCat(count));
    // The last part is smaller where the size is no multiple.
    const int64_t part = (from[a] + count - 1) / count;
    for (int64_t i = 0; i < count; ++i)
      sizes.push_back(std::clamp<int64_t>(from[a] - i * part, 0, part));
  }
  int64_t total = 0;
  for (const int64_t size : sizes) {
    if (size < 0 || size > from[a] - total)
      return node.Broken(absl::StrCat("parts that make up ", from[a]), ShapeText(sizes));
    total += size;
  }
  if (total != from[a] || static_cast<int>(sizes.size()) != outputs)
    return node.Broken(absl::StrCat(outputs, " parts that make up ", from[a]), ShapeText(sizes));
  OnnxShape begins(from.size(), 0), shape = from;
  for (int i = 0; i < outputs; ++i) {
    shape[a] = sizes[static_cast<size_t>(i)];
    if (translator->IsUsed(node, i))
      KL_RETURN_IF_ERROR(
          EmitSlice(node, translator, i, x, begins, OnnxShape(from.size(), 1), shape));
    begins[a] += shape[a];
  }
  return absl::OkStatus();
}

KL_ONNX_TRANSLATION(Expand) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxShape from = translator->value(x).shape;
  OnnxShape shape;
  const bool tile = node.op_type() == "Tile";
  if (!translator->IsConstantInput(node, 1)) {
    KL_ASSIGN_OR_RETURN(shape, translator->StatedShape(node, 0, 1));
  } else if (tile) {
    KL_ASSIGN_OR_RETURN(shape, translator->ConstantInts(node, 1));
    if (shape.size() != from.size())
      return node.Broken(absl::StrCat(from.size(), " repeats"), absl::StrCat(shape.size()));
    for (size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] < 0 || __builtin_mul_overflow(shape[d], from[d], &shape[d]))
        return node.Broken("repeats of 0 or more", "others");
    }
  } else {
    KL_ASSIGN_OR_RETURN(const OnnxShape target, translator->ConstantInts(node, 1));
    const auto both = BroadcastShape(from, target);
    if (!both.has_value())
      return node.Broken(absl::StrCat("a shape that ", ShapeText(from), " broadcasts to"),
                         ShapeText(target));
    shape = *both;
  }
  bool fits = shape.size() >= from.size();
  for (size_t d = 1; fits && d <= from.size(); ++d) {
    const int64_t own = from[from.size() - d], wanted = shape[shape.size() - d];
    fits = wanted >= 0 && (own == 0 ? wanted == 0 : wanted % own == 0);
  }
  int64_t count = 0;
  if (!fits || !OnnxElementCount(shape, translator->value(x).type, &count))
    return node.Broken(
        absl::StrCat("a shape of at most 2^40 bytes that ", ShapeText(from), " fits"),
        ShapeText(shape));
  if (translator->value(x).constant != nullptr) {
    auto folded = FoldExpand(*translator->value(x).constant, shape);
    if (folded.has_value()) return translator->SetConstant(node, *std::move(folded));
  }
  return translator->Emit(node, "expand", {}, {x}, translator->value(x).type, shape);
}

}  // namespace kinglet
