// y = alpha * A B [+ y], for the ops "matmul" and "gemm": oneDNN's matmul primitive.
//
//   A [M, K], B [K, N], each row by row or column by column;  y [M, N] row by row
//
// M is known when it runs. Operands are used where they lie: no copy of the weights is made.
#ifndef PLUGINS_ONEDNN_MATRIX_PRODUCT_H_
#define PLUGINS_ONEDNN_MATRIX_PRODUCT_H_

#include <cstdint>

#include "plugins/onednn/onednn.h"

namespace kinglet {
namespace onednn {

struct MatrixProductShape {
  int64_t depth;     // K
  int64_t columns;   // N
  bool transpose_a;  // A lies column by column
  bool transpose_b;
  float alpha;
  bool accumulate;  // adds to what y holds
};

// Throws dnnl::error. One thread at a time.
class MatrixProduct {
 public:
  MatrixProduct(const MatrixProductShape& shape, uint32_t thread_count);

  void Run(int64_t rows, const float* a, const float* b, float* y);

 private:
  const MatrixProductShape shape_;
  const uint32_t thread_count_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul primitive_;
};

}  // namespace onednn
}  // namespace kinglet

#endif  // PLUGINS_ONEDNN_MATRIX_PRODUCT_H_
