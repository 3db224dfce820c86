#include "plugins/onednn/matrix_product.h"

namespace kinglet {
namespace onednn {
namespace {

using dnnl::memory;

memory::desc Matrix(int64_t rows, int64_t columns, bool by_columns) {
  const memory::dims strides = by_columns ? memory::dims{1, rows} : memory::dims{columns, 1};
  return memory::desc({rows, columns}, memory::data_type::f32, strides);
}

dnnl::matmul MakePrimitive(const MatrixProductShape& shape, const dnnl::engine& engine) {
  const int64_t rows = DNNL_RUNTIME_DIM_VAL;
  const dnnl::matmul::desc desc(Matrix(rows, shape.depth, shape.transpose_a),
                                Matrix(shape.depth, shape.columns, shape.transpose_b),
                                Matrix(rows, shape.columns, false));
  dnnl::primitive_attr attributes;
  attributes.set_output_scales(0, {shape.alpha});
  if (shape.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  return dnnl::matmul(dnnl::matmul::primitive_desc(desc, attributes, engine));
}

// The library has one pointer type for what it reads and what it writes.
void* Pointer(const float* data) { return const_cast<float*>(data); }

}  // namespace

MatrixProduct::MatrixProduct(const MatrixProductShape& shape, uint32_t thread_count)
    : shape_(shape),
      thread_count_(thread_count),
      engine_(dnnl::engine::kind::cpu, 0),
      stream_(engine_),
      primitive_(MakePrimitive(shape, engine_)) {}

void MatrixProduct::Run(int64_t rows, const float* a, const float* b, float* y) {
  SetThreadCount(thread_count_);
  const memory a_memory(Matrix(rows, shape_.depth, shape_.transpose_a), engine_, Pointer(a));
  const memory b_memory(Matrix(shape_.depth, shape_.columns, shape_.transpose_b), engine_,
                        Pointer(b));
  const memory y_memory(Matrix(rows, shape_.columns, false), engine_, y);
  primitive_.execute(
      stream_, {{DNNL_ARG_SRC, a_memory}, {DNNL_ARG_WEIGHTS, b_memory}, {DNNL_ARG_DST, y_memory}});
  stream_.wait();
}

}  // namespace onednn
}  // namespace kinglet
