#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

// Dimension `d` of `tensor` seen as a tensor of rank `rank`, 1 where it has none.
int64_t DimensionAt(const kl_tensor* tensor, int32_t rank, int32_t d) {
  const int32_t own = d - (rank - tensor->rank);
  return own < 0 ? 1 : tensor->shape[own];
}

// First element that row `row` of y needs from `tensor`, and the step along the row.
const float* Broadcast(const kl_tensor* tensor, const kl_tensor* y, int64_t row, int64_t* step) {
  int64_t offset = 0;
  int64_t stride = RowElements(tensor);
  for (int32_t d = y->rank - 2; d >= 0; --d) {
    const int64_t size = DimensionAt(tensor, y->rank, d);
    offset += (size == 1 ? 0 : row % y->shape[d]) * stride;
    row /= y->shape[d];
    stride *= size;
  }
  *step = RowElements(tensor) == 1 ? 0 : 1;
  return static_cast<const float*>(tensor->data) + offset;
}

}  // namespace

kl_code PrepareBinary(const kl_op& op, const kl_node* node, kl_error* error) {
  Check check(op, node, error);
  check.Type(kBinaryA, KL_TYPE_F32);
  check.Type(kBinaryB, KL_TYPE_F32);
  check.Type(kBinaryY, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  const kl_tensor* a = node->operands[kBinaryA];
  const kl_tensor* b = node->operands[kBinaryB];
  const int32_t rank = a->rank > b->rank ? a->rank : b->rank;
  int64_t shape[KL_MAX_RANK];
  for (int32_t d = 0; d < rank; ++d) {
    const int64_t from_a = DimensionAt(a, rank, d), from_b = DimensionAt(b, rank, d);
    check.RequireOperand(kBinaryB, from_a == from_b || from_a == 1 || from_b == 1,
                         "dimensions that agree with those of a, or are 1");
    shape[d] = from_a == 1 ? from_b : from_a;
  }
  check.Shape(kBinaryY, rank, shape);
  return check.code();
}

BinaryRow BinaryRowOf(const kl_run* run, int64_t row) {
  const kl_tensor* y = run->operands[kBinaryY];
  BinaryRow result;
  result.a = Broadcast(run->operands[kBinaryA], y, row, &result.a_step);
  result.b = Broadcast(run->operands[kBinaryB], y, row, &result.b_step);
  result.y = MutableF32Row(y, row);
  result.length = RowElements(y);
  return result;
}

}  // namespace reference
}  // namespace kinglet
