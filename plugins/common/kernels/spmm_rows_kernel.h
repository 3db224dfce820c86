// What the kernels of fully connected layers with pruned weights have in common, whatever their
// operator calls its operands: x, the packed weights, the bias or nothing, y.
#ifndef PLUGINS_COMMON_KERNELS_SPMM_ROWS_KERNEL_H_
#define PLUGINS_COMMON_KERNELS_SPMM_ROWS_KERNEL_H_

#include "plugins/common/kernels/spmm_rows.h"

namespace {

enum { kRowsX, kRowsW, kRowsBias, kRowsY, kRowsOperands };

// Once the shapes are known to fit.
KL_INLINE kl_code PrepareSpmmRows(const kl_node* node, kl_requirements* requirements,
                                  kl_error* error) {
  KL_TRY(ExpectSpmm(node, node->operands[kRowsW], error));
  const SpmmWeights& weights = *(const SpmmWeights*)node->operands[kRowsW]->data;
  const int64_t rows = RowsOf(node->operands[kRowsX]);
  requirements->scratch_bytes = SpmmRowsScratch(weights, rows);
  return KL_OK;
}

KL_INLINE SpmmRows SpmmRowsOf(const kl_run* run) {
  const kl_tensor* bias = run->operands[kRowsBias];
  return {(const float*)run->operands[kRowsX]->data,
          bias->type == KL_TYPE_NONE ? nullptr : (const float*)bias->data,
          (float*)run->operands[kRowsY]->data, RowsOf(run->operands[kRowsX]),
          (const SpmmWeights*)run->operands[kRowsW]->data};
}

void WorkOfSpmmRows(const kl_run* run, kl_work* work) { SpmmRowsWork(SpmmRowsOf(run), work); }

kl_code RunOfSpmmRows(const kl_run* run) {
  RunSpmmRows(SpmmRowsOf(run), run);
  return KL_OK;
}

constexpr kl_dtype kSpmmRowsTypes[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32};

// Before the dense kernels.
KL_INLINE constexpr kl_kernel SpmmRowsKernel(const char* op, const char* name,
                                             decltype(kl_kernel::prepare) prepare,
                                             decltype(kl_kernel::supports) supports,
                                             decltype(kl_kernel::pack_query) pack_query,
                                             decltype(kl_kernel::pack) pack) {
  kl_kernel kernel = SimpleKernel(op, name, kSpmmRowsTypes, kRowsOperands, 0, 1e-5f, prepare,
                                  WorkOfSpmmRows, RunOfSpmmRows, supports);
  kernel.priority = kIsaPriority + 4;
  kernel.pack_query = pack_query;
  kernel.pack = pack;
  return kernel;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_SPMM_ROWS_KERNEL_H_
