#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

// Dimension `d` of `tensor` seen as a tensor of rank `rank`, 1 where it has none.
int64_t DimensionAt(const kl_tensor* tensor, int32_t rank, int32_t d) {
  const int32_t own = d - (rank - tensor->rank);
  return own < 0 ? 1 : tensor->shape[own];
}

}  // namespace

int64_t BroadcastOffset(const kl_tensor* tensor, const kl_tensor* y, int64_t row, int64_t* step) {
  int64_t offset = 0;
  int64_t stride = RowElements(tensor);
  for (int32_t d = y->rank - 2; d >= 0; --d) {
    const int64_t size = DimensionAt(tensor, y->rank, d);
    offset += (size == 1 ? 0 : row % y->shape[d]) * stride;
    row /= y->shape[d];
    stride *= size;
  }
  *step = RowElements(tensor) == 1 ? 0 : 1;
  return offset;
}

void CheckBroadcast(const kl_node* node, uint32_t a, uint32_t b, int64_t* shape, int32_t* rank,
                    Check* check) {
  const kl_tensor* x = node->operands[a];
  const kl_tensor* y = node->operands[b];
  *rank = x->rank > y->rank ? x->rank : y->rank;
  for (int32_t d = 0; d < *rank; ++d) {
    const int64_t from_x = DimensionAt(x, *rank, d), from_y = DimensionAt(y, *rank, d);
    check->RequireOperand(b, from_x == from_y || from_x == 1 || from_y == 1,
                          "dimensions that agree with those of a, or are 1");
    shape[d] = from_x == 1 ? from_y : from_x;
  }
}

kl_code PrepareBinary(const kl_op& op, BinaryTypes types, const kl_node* node, kl_error* error) {
  Check check(op, node, error);
  if (!check.ok()) return check.code();
  const kl_dtype type = node->operands[kBinaryA]->type;
  check.RequireOperand(kBinaryA,
                       types == BinaryTypes::kLogical ? type == KL_TYPE_BOOL : IsElementType(type),
                       types == BinaryTypes::kLogical ? "bool" : "floats or whole numbers");
  check.Type(kBinaryB, type);
  check.Type(kBinaryY, types == BinaryTypes::kSame ? type : KL_TYPE_BOOL);
  int64_t shape[KL_MAX_RANK];
  int32_t rank = 0;
  CheckBroadcast(node, kBinaryA, kBinaryB, shape, &rank, &check);
  check.Shape(kBinaryY, rank, shape);
  return check.code();
}

}  // namespace reference
}  // namespace kinglet
