// Reductions: ReduceSum and its like, ArgMax, ArgMin, TopK, global pools.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

const char* KindOf(const std::string& op_type) {
  constexpr std::pair<const char*, const char*> kKinds[] = {{"ReduceSum", "sum"},
                                                            {"ReduceMean", "mean"},
                                                            {"ReduceMax", "max"},
                                                            {"ReduceMin", "min"},
                                                            {"ReduceProd", "prod"},
                                                            {"ReduceL1", "l1"},
                                                            {"ReduceL2", "l2"},
                                                            {"ReduceSumSquare", "sum_square"},
                                                            {"ReduceLogSum", "log_sum"},
                                                            {"ReduceLogSumExp", "log_sum_exp"},
                                                            {"GlobalAveragePool", "mean"},
                                                            {"GlobalMaxPool", "max"}};
  for (const auto& [name, kind] : kKinds) {
    if (op_type == name) return kind;
  }
  return "";
}

// Which dimensions of `from` a result of shape `stated` no longer has, or has as 1; false when the
// shapes leave a choice.
bool ReducedBy(const OnnxShape& from, const OnnxShape& stated, bool keep,
               std::vector<bool>* reduced) {
  if (keep) {
    if (stated.size() != from.size()) return false;
    for (size_t d = 0; d < from.size(); ++d) {
      (*reduced)[d] = stated[d] == 1;
      if (stated[d] != 1 && stated[d] != from[d]) return false;
    }
    return true;
  }
  if (stated.size() > from.size()) return false;
  // As a subsequence, matched from the front and from the back: one way only when both agree.
  std::vector<bool> front(from.size(), true), back(from.size(), true);
  size_t next = 0;
  for (size_t d = 0; d < from.size() && next < stated.size(); ++d) {
    if (from[d] == stated[next]) front[d] = false, ++next;
  }
  size_t left = stated.size();
  for (size_t d = from.size(); d-- > 0 && left > 0;) {
    if (from[d] == stated[left - 1]) back[d] = false, --left;
  }
  *reduced = front;
  return next == stated.size() && left == 0 && front == back;
}

absl::Status EmitReduce(const OnnxNode& node, OnnxTranslator* translator, int32_t x,
                        const std::vector<bool>& reduced, bool keep) {
  const std::string kind = KindOf(node.op_type());
  const kl_dtype type = translator->value(x).type;
  OnnxShape kept = translator->value(x).shape, shape, axes;
  for (size_t d = 0; d < kept.size(); ++d) {
    if (reduced[d]) {
      axes.push_back(static_cast<int64_t>(d));
      kept[d] = 1;
    }
    if (!reduced[d] || keep) shape.push_back(kept[d]);
  }
  const auto& constant = translator->value(x).constant;
  if (constant != nullptr) {
    auto folded = FoldReduce(kind, *constant, reduced);
    if (folded.has_value()) {
      folded->shape = shape;
      return translator->SetConstant(node, *std::move(folded));
    }
  }
  std::vector<GraphAttribute> attributes = {{"kind", kind}, {"axes", axes}};
  if (shape == kept)
    return translator->Emit(node, "reduce", std::move(attributes), {x}, type, shape);
  KL_ASSIGN_OR_RETURN(
      const int32_t inner,
      translator->EmitInner(node, "reduce", std::move(attributes), {x}, kept, type));
  return translator->Emit(node, "reshape", {}, {inner}, type, shape);
}

absl::StatusOr<int32_t> NumberInput(const OnnxNode& node, OnnxTranslator* translator) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  if (!IsOnnxFloat(translator->value(x).type)) return x;
  return translator->AsFloat(node, x);
}

}  // namespace

KL_ONNX_TRANSLATION(Reduce) {
  KL_ASSIGN_OR_RETURN(const int32_t x, NumberInput(node, translator));
  const OnnxShape from = translator->value(x).shape;
  const int64_t rank = static_cast<int64_t>(from.size());
  KL_ASSIGN_OR_RETURN(const int64_t keep, node.Int("keepdims", 1));
  const std::string kind = KindOf(node.op_type());
  if (translator->value(x).type != KL_TYPE_F32 &&
      (kind == "l2" || kind == "log_sum" || kind == "log_sum_exp")) {
    return node.Unsupported("roots and logarithms of whole numbers");
  }
  // The axes became an input with operator set 13 (ReduceSum) and 18 (the others).
  const bool as_input = translator->opset() >= (node.op_type() == "ReduceSum" ? 13 : 18);
  OnnxShape axes;
  if (!as_input) {
    KL_ASSIGN_OR_RETURN(axes, node.Ints("axes", -1, 0));
  } else if (node.HasInput(1) && translator->IsConstantInput(node, 1)) {
    KL_ASSIGN_OR_RETURN(axes, translator->ConstantInts(node, 1));
  } else if (node.HasInput(1)) {
    KL_ASSIGN_OR_RETURN(const OnnxShape stated, translator->StatedShape(node, 0, 1));
    std::vector<bool> reduced(from.size(), true);
    if (!ReducedBy(from, stated, keep != 0, &reduced))
      return node.Unsupported("axes that are not constant and do not follow from the stated shape");
    return EmitReduce(node, translator, x, reduced, keep != 0);
  }
  std::vector<bool> reduced(from.size(), false);
  for (const int64_t axis : axes) {
    KL_ASSIGN_OR_RETURN(const int64_t d, OnnxAxis(node, axis, rank));
    reduced[static_cast<size_t>(d)] = true;
  }
  if (axes.empty()) {
    KL_ASSIGN_OR_RETURN(const int64_t no_operation, node.Int("noop_with_empty_axes", 0));
    if (no_operation != 0) return ReshapeOnnxValue(node, translator, x, from);
    reduced.assign(from.size(), true);
  }
  return EmitReduce(node, translator, x, reduced, keep != 0);
}

KL_ONNX_TRANSLATION(GlobalPool) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->FloatInput(node, 0));
  const OnnxShape& shape = translator->value(x).shape;
  if (shape.size() < 3)
    return node.Broken("an input [N, C, ..]", absl::StrCat(shape.size(), " dimensions"));
  if (shape.size() == 4 && node.op_type() == "GlobalAveragePool") {
    return translator->Emit(node, "global_average_pool", {}, {x}, KL_TYPE_F32,
                            {shape[0], shape[1], 1, 1});
  }
  std::vector<bool> reduced(shape.size(), true);
  reduced[0] = reduced[1] = false;
  return EmitReduce(node, translator, x, reduced, true);
}

KL_ONNX_TRANSLATION(ArgReduce) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", 0));
  KL_ASSIGN_OR_RETURN(const int64_t keep, node.Int("keepdims", 1));
  KL_ASSIGN_OR_RETURN(const int64_t last, node.Int("select_last_index", 0));
  OnnxShape kept = translator->value(x).shape;
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, static_cast<int64_t>(kept.size())));
  if (kept[static_cast<size_t>(axis)] == 0) return node.Broken("elements along the axis", "none");
  kept[static_cast<size_t>(axis)] = 1;
  std::vector<GraphAttribute> attributes = {
      {"axis", axis},
      {"smallest", int64_t{node.op_type() == "ArgMin" ? 1 : 0}},
      {"last", int64_t{last != 0 ? 1 : 0}}};
  if (keep != 0) return translator->Emit(node, "arg_reduce", attributes, {x}, KL_TYPE_I64, kept);
  KL_ASSIGN_OR_RETURN(const int32_t inner, translator->EmitInner(node, "arg_reduce", attributes,
                                                                 {x}, kept, KL_TYPE_I64));
  OnnxShape shape = kept;
  shape.erase(shape.begin() + axis);
  return translator->Emit(node, "reshape", {}, {inner}, KL_TYPE_I64, shape);
}

KL_ONNX_TRANSLATION(TopK) {
  KL_ASSIGN_OR_RETURN(const int32_t x, NumberInput(node, translator));
  OnnxShape shape = translator->value(x).shape;
  KL_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", -1));
  KL_ASSIGN_OR_RETURN(axis, OnnxAxis(node, axis, static_cast<int64_t>(shape.size())));
  KL_ASSIGN_OR_RETURN(const int64_t largest, node.Int("largest", 1));
  const size_t a = static_cast<size_t>(axis);
  int64_t k = 0;
  if (translator->opset() < 10) {
    KL_ASSIGN_OR_RETURN(k, node.Int("k", -1));
  } else if (translator->IsConstantInput(node, 1)) {
    KL_ASSIGN_OR_RETURN(const std::vector<int64_t> values, translator->ConstantInts(node, 1));
    k = values.size() == 1 ? values[0] : -1;
  } else {
    int stated_by = translator->IsUsed(node, 0) ? 0 : 1;
    KL_ASSIGN_OR_RETURN(const OnnxShape stated, translator->StatedShape(node, stated_by, 1));
    k = stated.size() == shape.size() ? stated[a] : -1;
  }
  if (k < 0 || k > shape[a])
    return node.Broken(absl::StrCat("a k from 0 to ", shape[a]), absl::StrCat(k));
  shape[a] = k;
  return translator->EmitMany(node, "top_k",
                              {{"axis", axis}, {"smallest", int64_t{largest != 0 ? 0 : 1}}}, {x},
                              {{translator->value(x).type, shape}, {KL_TYPE_I64, shape}});
}

}  // namespace kinglet
