// Stacks of matrices of 8-bit codes: what matmul_integer and matmul_quantized share.
//
// a [.., M, K] and b [.., K, N]; the dimensions before the last two broadcast as in numpy. Zero
// points: one for all, or one for each row of a and each column of b.
#ifndef KINGLET_PLUGINS_REFERENCE_QUANTIZED_MATMUL_H_
#define KINGLET_PLUGINS_REFERENCE_QUANTIZED_MATMUL_H_

#include "plugins/reference/quantized.h"

namespace kinglet {
namespace reference {

struct CodeMatrices {
  uint32_t a, a_zero_point, b, b_zero_point, y;
};

// Types and shapes of a, b, their zero points, and the shape of y.
inline void PrepareCodeMatrices(const kl_node* node, const CodeMatrices& operands, Check* check) {
  check->Rank(operands.a, 2, KL_MAX_RANK);
  check->Rank(operands.b, 2, KL_MAX_RANK);
  if (!check->ok()) return;
  const kl_tensor* a = node->operands[operands.a];
  const kl_tensor* b = node->operands[operands.b];
  check->RequireOperand(operands.a, IsByteType(a->type), "i8 or u8");
  check->RequireOperand(operands.b, IsByteType(b->type), "i8 or u8");
  check->Type(operands.a_zero_point, a->type);
  check->Type(operands.b_zero_point, b->type);
  CheckOneOrCount(node, operands.a_zero_point, a->shape[a->rank - 2], check);
  CheckOneOrCount(node, operands.b_zero_point, RowElements(b), check);
  check->RequireOperand(operands.b, b->shape[b->rank - 2] == RowElements(a),
                        "as many rows as a has columns");
  const int32_t rank = a->rank > b->rank ? a->rank : b->rank;
  int64_t shape[KL_MAX_RANK];
  for (int32_t d = 1; d <= rank; ++d) {
    const int64_t of_a = d <= a->rank ? a->shape[a->rank - d] : 1;
    const int64_t of_b = d <= b->rank ? b->shape[b->rank - d] : 1;
    check->RequireOperand(operands.b, d <= 2 || of_a == of_b || of_a == 1 || of_b == 1,
                          "leading dimensions that agree with those of a, or are 1");
    shape[rank - d] = d == 1 ? of_b : d == 2 || of_b == 1 ? of_a : of_b;
  }
  check->Shape(operands.y, rank, shape);
}

// First element of the matrix of `tensor` that belongs to matrix `index` of y.
inline int64_t StackOffset(const kl_tensor* tensor, const kl_tensor* y, int64_t index) {
  int64_t stride = tensor->shape[tensor->rank - 1] * tensor->shape[tensor->rank - 2], offset = 0;
  for (int32_t d = 3; d <= y->rank; ++d) {
    const int64_t size = d <= tensor->rank ? tensor->shape[tensor->rank - d] : 1;
    offset += (size == 1 ? 0 : index % y->shape[y->rank - d]) * stride;
    index /= y->shape[y->rank - d];
    stride *= size;
  }
  return offset;
}

// Sum over k for row `row` of y (all stacks counted through) and column n. Wraps.
inline int32_t CodeDot(const kl_run* run, const CodeMatrices& operands, int64_t row, int64_t n) {
  const kl_tensor* a = run->operands[operands.a];
  const kl_tensor* b = run->operands[operands.b];
  const kl_tensor* y = run->operands[operands.y];
  const int64_t rows = y->shape[y->rank - 2], columns = RowElements(y), depth = RowElements(a);
  const int64_t from_a = StackOffset(a, y, row / rows) + row % rows * depth;
  const int64_t from_b = StackOffset(b, y, row / rows) + n;
  const int32_t a_zero = ZeroPointAt(run->operands[operands.a_zero_point], row % rows);
  const int32_t b_zero = ZeroPointAt(run->operands[operands.b_zero_point], n);
  uint32_t sum = 0;
  for (int64_t k = 0; k < depth; ++k) {
    sum += static_cast<uint32_t>((WholeAt(a, from_a + k) - a_zero) *
                                 (WholeAt(b, from_b + k * columns) - b_zero));
  }
  return static_cast<int32_t>(sum);
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_QUANTIZED_MATMUL_H_
