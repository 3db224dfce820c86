// Rows of weights on their way from memory while others are multiplied.
//
// A panel's rows are unpacked in one go. Fetched only then, the product waits for memory, and
// memory for the product: so every token of a panel fetches a few lines of one that comes later.
#ifndef PLUGINS_COMMON_KERNELS_ROWS_AHEAD_H_
#define PLUGINS_COMMON_KERNELS_ROWS_AHEAD_H_

#include "plugins/common/kernels/f32x8.h"
#include "plugins/common/kernels/isa.h"
#include "plugins/common/kernels/scalar.h"

namespace {

constexpr int64_t kRowsPerGroup = 32;

// Rows one behind the other, or in groups with something between them.
struct GroupedRows {
  const uint8_t* first;
  uint64_t stride;       // bytes from row to row
  uint64_t group_bytes;  // from row 0 to row 32

  KL_INLINE GroupedRows(const uint8_t* row, uint64_t row_stride)
      : GroupedRows(row, row_stride, kRowsPerGroup * row_stride) {}
  KL_INLINE GroupedRows(const uint8_t* row, uint64_t row_stride, uint64_t bytes_of_a_group)
      : first(row), stride(row_stride), group_bytes(bytes_of_a_group) {}

  KL_INLINE const uint8_t* At(int64_t i) const {
    return first + (uint64_t)(i / kRowsPerGroup) * group_bytes +
           (uint64_t)(i % kRowsPerGroup) * stride;
  }
};

class RowsAhead {
 public:
  // The first `row_bytes` of the rows [begin, end), spread over `calls` calls of Fetch().
  KL_INLINE RowsAhead(const GroupedRows& rows, int64_t begin, int64_t end, uint64_t row_bytes,
                      int64_t calls)
      : rows_(rows), row_(begin), end_(end), row_bytes_(row_bytes) {
    const int64_t most_lines = (int64_t)(row_bytes + 126) / 64;
    share_ = CeilDivide((end - begin) * most_lines, calls);
    if (row_ < end_) Enter();
  }

  KL_INLINE void Fetch() {
    for (int64_t left = share_; left > 0 && row_ < end_; --left) {
      PrefetchLater((const void*)line_);
      line_ += 64;
      if (line_ >= row_end_ && ++row_ < end_) Enter();
    }
  }

 private:
  KL_INLINE void Enter() {
    const uintptr_t at = (uintptr_t)rows_.At(row_);
    line_ = at / 64 * 64;
    row_end_ = at + row_bytes_;
  }

  GroupedRows rows_;
  int64_t row_;
  int64_t end_;
  uint64_t row_bytes_;
  int64_t share_;
  uintptr_t line_ = 0;
  uintptr_t row_end_ = 0;
};

// Engine::MultiplyRows() of the rows [row, row + count) of a matrix of `row_count`, with a few
// vectors. Meanwhile the matrix' next panel is fetched.
template <class Engine, class Store>
KL_INLINE void MultiplyAndFetch(const GroupedRows& rows, int64_t row, int64_t count,
                                int64_t row_count, int64_t columns, const void* const* vectors,
                                int64_t vector_count, void* panel, const Store& store) {
  const int64_t next_row = row + count;
  RowsAhead next(rows, next_row, Minimum(next_row + kEngineRows, row_count),
                 Engine::RowBytes(columns), vector_count);
  Engine::MultiplyRows(rows.At(row), rows.stride, count, columns, vectors, vector_count, panel,
                       [&](int64_t v, const float* y) {
                         next.Fetch();
                         store(v, y);
                       });
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ROWS_AHEAD_H_
