// Where the rows of a tensor lie. Shapes are outermost first; a row is the innermost dimension.
//
// Thread safety: pure functions; the tensor owns nothing.
#ifndef KINGLET_PLUGINS_COMMON_TENSOR_H_
#define KINGLET_PLUGINS_COMMON_TENSOR_H_

#include <stdint.h>

#include "core/abi/dtype.h"
#include "core/abi/types.h"

namespace kinglet {

// True for an optional operand that is absent.
static inline bool IsAbsent(const kl_tensor* tensor) { return tensor->type == KL_TYPE_NONE; }

// Elements of one row; 1 for a scalar.
static inline int64_t RowElements(const kl_tensor* tensor) {
  return tensor->rank == 0 ? 1 : tensor->shape[tensor->rank - 1];
}

// Rows: the product of all dimensions but the last.
static inline int64_t RowCount(const kl_tensor* tensor) {
  int64_t rows = 1;
  for (int32_t d = 0; d + 1 < tensor->rank; ++d) rows *= tensor->shape[d];
  return rows;
}

// First byte of row `row` (0 .. RowCount), also of a tensor that comes in parts.
static inline const void* RowPointer(const kl_tensor* tensor, int64_t row) {
  const uint64_t row_bytes = kl_row_bytes(tensor->type, static_cast<uint64_t>(RowElements(tensor)));
  if (tensor->parts == nullptr) {
    return static_cast<const uint8_t*>(tensor->data) + static_cast<uint64_t>(row) * row_bytes;
  }
  const int64_t rows_per_part = tensor->rank <= 1 ? 1 : RowCount(tensor) / tensor->shape[0];
  const uint8_t* part = static_cast<const uint8_t*>(tensor->parts[row / rows_per_part]);
  return part + static_cast<uint64_t>(row % rows_per_part) * row_bytes;
}

static inline const float* F32Row(const kl_tensor* tensor, int64_t row) {
  return static_cast<const float*>(RowPointer(tensor, row));
}

static inline float* MutableF32Row(const kl_tensor* tensor, int64_t row) {
  return static_cast<float*>(tensor->data) + row * RowElements(tensor);
}

static inline const int32_t* I32Row(const kl_tensor* tensor, int64_t row) {
  return static_cast<const int32_t*>(RowPointer(tensor, row));
}

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_TENSOR_H_
