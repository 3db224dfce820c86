// RESHAPE and its like, TRANSPOSE, PAD, CONCATENATION, MEAN, SUM, REDUCE_MAX.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/tflite/ops.h"

namespace kinglet {
namespace {

using Shape64 = std::vector<int64_t>;

absl::Status OneOutput(const TfliteOperator& op, const TfliteTranslator& translator) {
  if (op.outputs.size() == 1) return absl::OkStatus();
  return translator.Broken(op, "one output", absl::StrCat(op.outputs.size()));
}

bool SameQuantisation(const TfliteTensor& a, const TfliteTensor& b) {
  return a.type == b.type && a.scales == b.scales && a.zero_points == b.zero_points;
}

// An axis of the file's order in the order of an image.
int64_t ImageAxis(int64_t axis) {
  constexpr int64_t kPlaces[] = {0, 2, 3, 1};
  return kPlaces[axis];
}

absl::StatusOr<int64_t> Axis(const TfliteOperator& op, const TfliteTranslator& translator,
                             int64_t axis, size_t rank) {
  const int64_t size = static_cast<int64_t>(rank);
  if (axis >= -size && axis < size) return axis < 0 ? axis + size : axis;
  return translator.Broken(op, absl::StrCat("an axis within ", rank, " dimensions"),
                           absl::StrCat(axis));
}

}  // namespace

// The output's shape says it all.
KL_TFLITE_TRANSLATION(Reshape) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(op, 0));
  const TfliteTensor& from = translator->tensor(x);
  const TfliteTensor& to = translator->tensor(op.outputs[0]);
  int64_t from_count = 1, to_count = 1;
  for (const int64_t size : from.shape) from_count *= size;
  for (const int64_t size : to.shape) to_count *= size;
  if (from_count != to_count)
    return translator->Broken(op, absl::StrCat("an output of ", from_count, " elements"),
                              absl::StrCat(to_count));
  KL_ASSIGN_OR_RETURN(const int32_t value, translator->Value(x, TfliteOrder::kFile));
  return translator->Define(op, op.outputs[0], TfliteOrder::kFile,
                            translator->Emit("reshape", op.name, {}, {value}, from.type, to.shape));
}

KL_TFLITE_TRANSLATION(Transpose) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(op, 0));
  KL_ASSIGN_OR_RETURN(const int32_t permutation_tensor, translator->Input(op, 1));
  KL_ASSIGN_OR_RETURN(const Shape64 permutation, translator->ConstantInts(op, permutation_tensor));
  const TfliteTensor& from = translator->tensor(x);
  Shape64 shape;
  std::vector<bool> seen(from.shape.size(), false);
  for (const int64_t d : permutation) {
    if (d < 0 || d >= static_cast<int64_t>(seen.size()) || seen[static_cast<size_t>(d)])
      return translator->Broken(op, "each dimension once", absl::StrCat(d));
    seen[static_cast<size_t>(d)] = true;
    shape.push_back(from.shape[static_cast<size_t>(d)]);
  }
  if (shape.size() != from.shape.size() || shape.empty())
    return translator->Broken(op, absl::StrCat(from.shape.size(), " dimensions"),
                              absl::StrCat(shape.size()));
  KL_ASSIGN_OR_RETURN(const int32_t value, translator->Value(x, TfliteOrder::kFile));
  return translator->Define(op, op.outputs[0], TfliteOrder::kFile,
                            translator->Emit("transpose", op.name, {{"permutation", permutation}},
                                             {value}, from.type, shape));
}

KL_TFLITE_TRANSLATION(Pad) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(op, 0));
  KL_ASSIGN_OR_RETURN(const int32_t pads_tensor, translator->Input(op, 1));
  KL_ASSIGN_OR_RETURN(const Shape64 listed, translator->ConstantInts(op, pads_tensor));
  const TfliteTensor& from = translator->tensor(x);
  const size_t rank = from.shape.size();
  if (listed.size() != 2 * rank)
    return translator->Broken(op, absl::StrCat(2 * rank, " pads"), absl::StrCat(listed.size()));
  const TfliteOrder order =
      rank == 4 && translator->HasImageOrder(x) ? TfliteOrder::kImage : TfliteOrder::kFile;
  Shape64 pads(2 * rank, 0), shape = translator->Shape(x, order);
  for (size_t d = 0; d < rank; ++d) {
    const int64_t begin = listed[2 * d], end = listed[2 * d + 1];
    if (begin < 0 || end < 0 || begin > INT32_MAX || end > INT32_MAX)
      return translator->Broken(op, "pads of 0 or more", absl::StrCat(begin, " and ", end));
    const size_t to =
        order == TfliteOrder::kImage ? static_cast<size_t>(ImageAxis(static_cast<int64_t>(d))) : d;
    pads[to] = begin;
    pads[rank + to] = end;
    shape[to] += begin + end;
  }
  KL_ASSIGN_OR_RETURN(const int32_t value, translator->Value(x, order));
  // What stands for 0.
  const int32_t fill =
      from.quantised() && from.scales.size() == 1 ? translator->Quantisation(x).second : -1;
  return translator->Define(
      op, op.outputs[0], order,
      translator->Emit("pad", op.name, {{"pads", pads}}, {value, fill, -1}, from.type, shape));
}

KL_TFLITE_TRANSLATION(Concatenation) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  const auto* options = op.proto->options_as_ConcatenationOptions();
  if (options == nullptr || op.inputs.empty())
    return translator->Broken(op, "options and inputs", "none");
  const TfliteTensor& to = translator->tensor(op.outputs[0]);
  KL_ASSIGN_OR_RETURN(int64_t axis, Axis(op, *translator, options->axis(), to.shape.size()));
  bool alike = options->activation() == tflite::Activation_NONE, image = false;
  int64_t total = 0;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    KL_ASSIGN_OR_RETURN(const int32_t input, translator->Input(op, i));
    const TfliteTensor& from = translator->tensor(input);
    Shape64 expected = to.shape;
    if (from.shape.size() == expected.size())
      expected[static_cast<size_t>(axis)] = from.shape[static_cast<size_t>(axis)];
    if (from.shape != expected)
      return translator->Broken(op, "inputs that differ along the axis only", "others");
    total += expected[static_cast<size_t>(axis)];
    alike = alike && SameQuantisation(from, to);
    image = image || (from.shape.size() == 4 && translator->HasImageOrder(input));
  }
  if (total != to.shape[static_cast<size_t>(axis)])
    return translator->Broken(op, absl::StrCat("an output of ", total, " along the axis"),
                              "another");
  const TfliteOrder order = image ? TfliteOrder::kImage : TfliteOrder::kFile;
  if (image) axis = ImageAxis(axis);
  std::vector<int32_t> parts;
  for (const int32_t input : op.inputs) {
    KL_ASSIGN_OR_RETURN(const int32_t part, alike ? translator->Value(input, order)
                                                  : translator->FloatValue(input, order));
    parts.push_back(part);
  }
  const kl_dtype type = alike ? to.type : kl_dtype{KL_TYPE_F32};
  const size_t a = static_cast<size_t>(axis);
  // Seven more at a time: the operator takes eight.
  size_t next = 1;
  int32_t joined = parts[0];
  Shape64 shape = translator->Shape(op.inputs[0], order);
  while (next < parts.size()) {
    std::vector<int32_t> operands = {joined};
    for (; next < parts.size() && operands.size() < 8; ++next) {
      operands.push_back(parts[next]);
      shape[a] += translator->Shape(op.inputs[next], order)[a];
    }
    operands.resize(8, -1);
    joined = translator->Emit("concat", op.name, {{"axis", axis}}, operands, type, shape);
  }
  if (parts.size() == 1) joined = translator->Emit("reshape", op.name, {}, {joined}, type, shape);
  if (alike) return translator->Define(op, op.outputs[0], order, joined);
  return translator->DefineFloat(op, op.outputs[0], order, joined, options->activation());
}

KL_TFLITE_TRANSLATION(Reduce) {
  KL_RETURN_IF_ERROR(OneOutput(op, *translator));
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(op, 0));
  KL_ASSIGN_OR_RETURN(const int32_t axes_tensor, translator->Input(op, 1));
  KL_ASSIGN_OR_RETURN(const Shape64 listed, translator->ConstantInts(op, axes_tensor));
  const TfliteTensor& from = translator->tensor(x);
  const size_t rank = from.shape.size();
  const bool image = rank == 4 && translator->HasImageOrder(x);
  const TfliteOrder order = image ? TfliteOrder::kImage : TfliteOrder::kFile;
  std::vector<bool> reduced(rank, false);
  for (const int64_t raw : listed) {
    KL_ASSIGN_OR_RETURN(const int64_t axis, Axis(op, *translator, raw, rank));
    reduced[static_cast<size_t>(axis)] = true;
  }
  Shape64 axes, kept = translator->Shape(x, order), file_kept = from.shape;
  for (size_t d = 0; d < rank; ++d) {
    if (!reduced[d]) continue;
    const int64_t axis = image ? ImageAxis(static_cast<int64_t>(d)) : static_cast<int64_t>(d);
    axes.push_back(axis);
    kept[static_cast<size_t>(axis)] = 1;
    file_kept[d] = 1;
  }
  const int32_t output = op.outputs[0];
  const std::string kind = op.code == 40 ? "mean" : op.code == 74 ? "sum" : "max";
  const bool codes = op.code == 82 ? translator->SameCodes(x, output)
                                   : translator->IsCodes(x) && translator->IsCodes(output);
  const kl_dtype type = codes ? translator->tensor(output).type : kl_dtype{KL_TYPE_F32};
  KL_ASSIGN_OR_RETURN(const int32_t value,
                      codes ? translator->Value(x, order) : translator->FloatValue(x, order));
  const bool planes =
      image && op.code == 40 && reduced == std::vector<bool>{false, true, true, false};
  std::vector<GraphAttribute> attributes = {{"kind", kind}, {"axes", axes}};
  std::vector<int32_t> operands = {value};
  std::string name = planes ? "global_average_pool" : "reduce";
  if (codes && op.code != 82) {
    const auto [x_scale, x_zero] = translator->Quantisation(x);
    const auto [y_scale, y_zero] = translator->Quantisation(output);
    operands.insert(operands.end(), {x_scale, x_zero, y_scale, y_zero});
    attributes.push_back({"fixed_point", int64_t{1}});
    name = "reduce_quantized";
  } else if (planes) {
    attributes.clear();
  }
  int32_t y =
      translator->Emit(name, op.name, std::move(attributes), std::move(operands), type, kept);
  // In the file's order, then without the axes if the output lacks them.
  if (image && !planes) {
    y = translator->Emit("transpose", op.name, {{"permutation", Shape64{0, 2, 3, 1}}}, {y}, type,
                         file_kept);
  }
  const TfliteTensor& to = translator->tensor(output);
  int64_t kept_count = 1, to_count = 1;
  for (const int64_t size : kept) kept_count *= size;
  for (const int64_t size : to.shape) to_count *= size;
  if (kept_count != to_count)
    return translator->Broken(op, absl::StrCat("an output of ", kept_count, " elements"),
                              absl::StrCat(to_count));
  y = translator->Emit("reshape", op.name, {}, {y}, type, to.shape);
  if (codes) return translator->Define(op, output, TfliteOrder::kFile, y);
  return translator->DefineFloat(op, output, TfliteOrder::kFile, y);
}

}  // namespace kinglet
