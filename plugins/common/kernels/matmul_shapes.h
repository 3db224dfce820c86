// What all matmul kernels of an instruction set share: operands, checks, the table entry.
//
// op "matmul": y[t][n] = dot(w[n], x[t]) + bias[n]
//   x f32 [.., K]   w any [N, K]   bias f32 [N] or absent   y f32 [.., N]
#ifndef PLUGINS_COMMON_KERNELS_MATMUL_SHAPES_H_
#define PLUGINS_COMMON_KERNELS_MATMUL_SHAPES_H_

#include "plugins/common/kernels/entry.h"

namespace {

enum MatmulOperand { kMatmulX = 0, kMatmulWeights = 1, kMatmulBias = 2, kMatmulY = 3 };

// Rows of one unit of work. Outputs never depend on how units are shared out.
constexpr int64_t kRowsPerUnit = kEngineRows;

struct MatmulState {
  int64_t columns;
  int64_t rows;
};

// The next kernel takes what this plugin does not: weights in parts, rows that end within a block,
// a bias of another type.
KL_INLINE kl_code MatmulSupports(const kl_node* node, kl_error* error) {
  KL_TRY(ExpectOperands(node, 4, error));
  const kl_tensor* w = node->operands[kMatmulWeights];
  const kl_dtype bias = node->operands[kMatmulBias]->type;
  const int64_t columns = LastOf(w);
  const int64_t block = kl_dtype_info_of(w->type).block_elements;
  if (w->parts == nullptr && columns % block == 0 &&
      (bias == KL_TYPE_NONE || bias == KL_TYPE_F32)) {
    return KL_OK;
  }
  return kl_fail(error, KL_UNSUPPORTED,
                 "%s (matmul): weights in parts, rows of %lld columns that are no whole blocks of "
                 "%lld, or a bias that is not f32",
                 NameOf(node), (long long)columns, (long long)block);
}

KL_INLINE kl_code CheckMatmul(const kl_node* node, MatmulState* state, kl_error* error) {
  KL_TRY(MatmulSupports(node, error));
  const kl_tensor* x = node->operands[kMatmulX];
  const kl_tensor* w = node->operands[kMatmulWeights];
  const kl_tensor* bias = node->operands[kMatmulBias];
  const kl_tensor* y = node->operands[kMatmulY];
  KL_TRY(ExpectSame(node, "rank of the weights", 2, w->rank, error));
  KL_TRY(ExpectSame(node, "innermost dimension of x", w->shape[1], LastOf(x), error));
  KL_TRY(ExpectSame(node, "innermost dimension of y", w->shape[0], LastOf(y), error));
  KL_TRY(ExpectSame(node, "rows of y", RowsOf(x), RowsOf(y), error));
  if (bias->type != KL_TYPE_NONE) {
    KL_TRY(ExpectSame(node, "elements of the bias", w->shape[0], kl_element_count(bias), error));
  }
  state->rows = w->shape[0];
  state->columns = w->shape[1];
  return KL_OK;
}

// NULL when there is none.
KL_INLINE const float* BiasOf(const kl_run* run) {
  const kl_tensor* bias = run->operands[kMatmulBias];
  return bias->type == KL_TYPE_NONE ? nullptr : (const float*)bias->data;
}

// Fills in a kernel whose x and y are f32.
template <class Implementation>
KL_INLINE constexpr kl_kernel MatmulKernel(const char* name, const kl_dtype* types,
                                           float tolerance) {
  kl_kernel kernel = {};
  kernel.struct_size = sizeof(kl_kernel);
  kernel.op = "matmul";
  kernel.name = name;
  kernel.operand_types = types;
  kernel.operand_count = 4;
  kernel.priority = kIsaPriority;
  kernel.cpu_features = kIsaFeatures;
  kernel.state_bytes = sizeof(MatmulState);
  kernel.tolerance = tolerance;
  kernel.supports = MatmulSupports;
  kernel.prepare = Implementation::Prepare;
  kernel.work = Implementation::Work;
  kernel.run = Implementation::Run;
  return kernel;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_MATMUL_SHAPES_H_
