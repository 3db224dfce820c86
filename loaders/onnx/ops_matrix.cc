// MatMul and Gemm.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

absl::Status ShapesDisagree(const OnnxNode& node, const OnnxShape& a, const OnnxShape& b) {
  return node.Broken(
      "matrices whose inner dimensions agree",
      absl::StrCat("[", absl::StrJoin(a, ", "), "] and [", absl::StrJoin(b, ", "), "]"));
}

// [K, N] -> [N, K]
OnnxConstant Transposed(const OnnxConstant& b) {
  OnnxConstant result = b;
  const int64_t depth = b.shape[0], columns = b.shape[1];
  result.shape = {columns, depth};
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t n = 0; n < columns; ++n) {
      result.floats()[n * depth + k] = b.floats()[k * columns + n];
    }
  }
  return result;
}

}  // namespace

KL_ONNX_TRANSLATION(MatMul) {
  KL_ASSIGN_OR_RETURN(int32_t a, translator->FloatInput(node, 0));
  KL_ASSIGN_OR_RETURN(int32_t b, translator->FloatInput(node, 1));
  OnnxShape a_shape = translator->value(a).shape, b_shape = translator->value(b).shape;
  if (a_shape.empty() || b_shape.empty()) return ShapesDisagree(node, a_shape, b_shape);
  const OnnxConstant* weights = translator->value(b).constant.get();
  if (weights != nullptr && b_shape.size() == 2) {
    // A layer: its weights row by row of the output, as kernels with packed weights want them.
    if (a_shape.back() != b_shape[0]) return ShapesDisagree(node, a_shape, b_shape);
    OnnxShape shape = a_shape;
    shape.back() = b_shape[1];
    const int32_t w =
        translator->AddConstant(absl::StrCat(node.input(1), "/transposed"), Transposed(*weights));
    return translator->Emit(node, "matmul", {}, {a, w, kNoOnnxValue}, KL_TYPE_F32,
                            std::move(shape));
  }
  // Vectors become matrices of one row or column, which the result then lacks.
  const bool row = a_shape.size() == 1, column = b_shape.size() == 1;
  if (row) {
    a_shape.insert(a_shape.begin(), 1);
    KL_ASSIGN_OR_RETURN(a, translator->EmitInner(node, "reshape", {}, {a}, a_shape));
  }
  if (column) {
    b_shape.push_back(1);
    KL_ASSIGN_OR_RETURN(b, translator->EmitInner(node, "reshape", {}, {b}, b_shape));
  }
  const size_t a_rank = a_shape.size(), b_rank = b_shape.size();
  if (a_shape[a_rank - 1] != b_shape[b_rank - 2]) return ShapesDisagree(node, a_shape, b_shape);
  const size_t rank = std::max(a_rank, b_rank);
  OnnxShape shape(rank);
  for (size_t d = 3; d <= rank; ++d) {
    const int64_t from_a = d <= a_rank ? a_shape[a_rank - d] : 1;
    const int64_t from_b = d <= b_rank ? b_shape[b_rank - d] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1)
      return ShapesDisagree(node, a_shape, b_shape);
    shape[rank - d] = from_a == 1 ? from_b : from_a;
  }
  shape[rank - 2] = a_shape[a_rank - 2];
  shape[rank - 1] = b_shape[b_rank - 1];
  if (!row && !column) {
    return translator->Emit(node, "batch_matmul", {}, {a, b}, KL_TYPE_F32, std::move(shape));
  }
  KL_ASSIGN_OR_RETURN(const int32_t product,
                      translator->EmitInner(node, "batch_matmul", {}, {a, b}, shape));
  if (column) shape.pop_back();
  if (row) shape.erase(shape.end() - (column ? 1 : 2));
  return translator->Emit(node, "reshape", {}, {product}, KL_TYPE_F32, std::move(shape));
}

KL_ONNX_TRANSLATION(Gemm) {
  KL_ASSIGN_OR_RETURN(const int32_t a, translator->FloatInput(node, 0));
  KL_ASSIGN_OR_RETURN(const int32_t b, translator->FloatInput(node, 1));
  int32_t c = kNoOnnxValue;
  if (node.HasInput(2)) {
    KL_ASSIGN_OR_RETURN(c, translator->FloatInput(node, 2));
  }
  KL_ASSIGN_OR_RETURN(const int64_t transpose_a, node.Int("transA", 0));
  KL_ASSIGN_OR_RETURN(const int64_t transpose_b, node.Int("transB", 0));
  KL_ASSIGN_OR_RETURN(const double alpha, node.Float("alpha", 1.0));
  KL_ASSIGN_OR_RETURN(const double beta, node.Float("beta", 1.0));
  const OnnxShape& a_shape = translator->value(a).shape;
  const OnnxShape& b_shape = translator->value(b).shape;
  const size_t ta = transpose_a != 0 ? 1 : 0, tb = transpose_b != 0 ? 1 : 0;
  if (a_shape.size() != 2 || b_shape.size() != 2 || a_shape[1 - ta] != b_shape[tb]) {
    return ShapesDisagree(node, a_shape, b_shape);
  }
  const OnnxShape shape = {a_shape[ta], b_shape[1 - tb]};
  if (c != kNoOnnxValue) {
    const OnnxShape& c_shape = translator->value(c).shape;
    bool fits = c_shape.size() <= 2;
    for (size_t d = 1; fits && d <= c_shape.size(); ++d) {
      const int64_t size = c_shape[c_shape.size() - d];
      fits = size == 1 || size == shape[2 - d];
    }
    if (!fits) {
      return node.Broken(absl::StrCat("a C that broadcasts to [", absl::StrJoin(shape, ", "), "]"),
                         absl::StrCat("[", absl::StrJoin(c_shape, ", "), "]"));
    }
  }
  return translator->Emit(node, "gemm",
                          {{"transpose_a", static_cast<int64_t>(ta)},
                           {"transpose_b", static_cast<int64_t>(tb)},
                           {"alpha", alpha},
                           {"beta", beta}},
                          {a, b, c}, KL_TYPE_F32, shape);
}

}  // namespace kinglet
