// op "matmul" with pruned constant f32 weights.
//
//   x f32 [.., K]   w f32 [N, K], packed   bias f32 [N] or absent   y f32 [.., N]
//
// Refuses weights with so few zeros that the dense product is faster. A zero weight is skipped: it
// does not carry a NaN or an infinity of x over. Work: spmm_rows.h.
#ifndef PLUGINS_COMMON_KERNELS_MATMUL_SPARSE_H_
#define PLUGINS_COMMON_KERNELS_MATMUL_SPARSE_H_

#include "plugins/common/kernels/spmm_cost.h"
#include "plugins/common/kernels/spmm_rows_kernel.h"
#include "plugins/common/table.h"

namespace {

SpmmSource SourceOf(const kl_tensor* w) {
  return {(const float*)w->data, w->shape[0], w->shape[1], w->shape[1], 1};
}

kl_code CheckShapes(const kl_node* node, kl_error* error) {
  KL_TRY(ExpectOperands(node, 4, error));
  const kl_tensor* w = node->operands[kRowsW];
  const kl_tensor* bias = node->operands[kRowsBias];
  KL_TRY(ExpectSame(node, "rank of w", 2, w->rank, error));
  KL_TRY(ExpectSame(node, "columns of x", w->shape[1], LastOf(node->operands[kRowsX]), error));
  KL_TRY(ExpectSame(node, "columns of y", w->shape[0], LastOf(node->operands[kRowsY]), error));
  KL_TRY(ExpectSame(node, "rows of y", RowsOf(node->operands[kRowsX]),
                    RowsOf(node->operands[kRowsY]), error));
  if (bias->type == KL_TYPE_NONE) return KL_OK;
  return ExpectSame(node, "elements of the bias", w->shape[0], kl_element_count(bias), error);
}

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* w = node->operands[kRowsW];
  const kl_tensor* bias = node->operands[kRowsBias];
  if (w->rank != 2 || w->data == nullptr || w->layout != KL_LAYOUT_ROWS) {
    return kl_fail(error, KL_UNSUPPORTED, "%s (matmul): the weights are not one known matrix",
                   NameOf(node));
  }
  if (bias->type != KL_TYPE_NONE && bias->type != KL_TYPE_F32) {
    return kl_fail(error, KL_UNSUPPORTED, "%s (matmul): the bias is not f32", NameOf(node));
  }
  const SpmmSource source = SourceOf(w);
  if (SparseRowsPay(source, RowsOf(node->operands[kRowsX]))) return KL_OK;
  return kl_fail(error, KL_UNSUPPORTED, "%s (matmul): too few zeros for the sparse product",
                 NameOf(node));
}

kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  NothingToPack(pack);
  if (operand == kRowsW) QuerySpmmPack(SourceOf(node->operands[kRowsW]), pack);
  return KL_OK;
}

kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin,
             int64_t end) {
  if (begin < end) PackSpmm(SourceOf(source), destination);
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements* requirements,
                kl_error* error) {
  KL_TRY(CheckShapes(node, error));
  return PrepareSpmmRows(node, requirements, error);
}

}  // namespace

// A kernel file, all but its includes.
#define KL_MATMUL_SPARSE(plugin, stem)                                     \
  namespace {                                                              \
  constexpr kl_kernel kKernel =                                            \
      SpmmRowsKernel("matmul", #stem, Prepare, Supports, PackQuery, Pack); \
  const kl_kernel* const kKernels[] = {&kKernel};                          \
  }                                                                        \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_MATMUL_SPARSE_H_
