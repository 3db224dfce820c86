// Arithmetic on constants at load: what exporters compute from shapes, and what follows from
// constants alone. Whole numbers in int64 (wrapping), floats in double, rounded once.
#ifndef KINGLET_LOADERS_ONNX_FOLD_H_
#define KINGLET_LOADERS_ONNX_FOLD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "loaders/onnx/constant.h"

namespace kinglet {

// Results of more elements than this are left for the run.
constexpr int64_t kLargestFold = int64_t{1} << 22;

// f32, f64, f16, bf16.
bool IsOnnxFloat(kl_dtype type);

// Elements of any constant as doubles, or as whole numbers (floats cut towards zero).
std::vector<double> Reals(const OnnxConstant& constant);
std::vector<int64_t> Wholes(const OnnxConstant& constant);

// A constant of `type`, any but f16 and bf16; as many values as the shape has elements. Floats to
// whole numbers are cut towards zero and kept within the type's ends, whole numbers lose high bits.
OnnxConstant RealConstant(kl_dtype type, const std::vector<int64_t>& shape,
                          const std::vector<double>& values);
OnnxConstant WholeConstant(kl_dtype type, const std::vector<int64_t>& shape,
                           const std::vector<int64_t>& values);

// The broadcast shape; empty when the shapes do not broadcast.
std::optional<std::vector<int64_t>> BroadcastShape(const std::vector<int64_t>& a,
                                                   const std::vector<int64_t>& b);
// Where element `index` of a tensor of shape `to` comes from in one of shape `from`.
int64_t BroadcastIndex(int64_t index, const std::vector<int64_t>& to,
                       const std::vector<int64_t>& from);

// The operators of plugins/reference on constants of one type; nothing when `op` is none of those
// that are folded, or the result would be too large.
std::optional<OnnxConstant> FoldBinary(absl::string_view op, const OnnxConstant& a,
                                       const OnnxConstant& b);
std::optional<OnnxConstant> FoldUnary(absl::string_view op, const OnnxConstant& x);
std::optional<OnnxConstant> FoldWhere(const OnnxConstant& condition, const OnnxConstant& a,
                                      const OnnxConstant& b);
std::optional<OnnxConstant> FoldCast(const OnnxConstant& x, kl_dtype type);
// x repeated to `shape` (as op "expand").
std::optional<OnnxConstant> FoldExpand(const OnnxConstant& x, const std::vector<int64_t>& shape);
// Every steps[d]-th element from begins[d], within x.
std::optional<OnnxConstant> FoldSlice(const OnnxConstant& x, const std::vector<int64_t>& begins,
                                      const std::vector<int64_t>& steps,
                                      const std::vector<int64_t>& shape);
// sum, mean, max, min, prod over the flagged dimensions; the shape keeps them as 1.
std::optional<OnnxConstant> FoldReduce(absl::string_view kind, const OnnxConstant& x,
                                       const std::vector<bool>& reduced);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_ONNX_FOLD_H_
