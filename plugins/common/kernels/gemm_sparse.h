// op "gemm" with a pruned constant right side.
//
//   a f32 [M, K]   b f32 [N, K] (transpose_b) or [K, N], packed   c f32 [N], [1, N] or absent
//   y f32 [M, N]
//
// alpha and beta are 1 and a is not transposed. Refuses weights with so few zeros that the dense
// product is faster. A zero weight is skipped: it does not carry a NaN or an infinity of a over.
// Work: spmm_rows.h.
#ifndef PLUGINS_COMMON_KERNELS_GEMM_SPARSE_H_
#define PLUGINS_COMMON_KERNELS_GEMM_SPARSE_H_

#include "plugins/common/kernels/spmm_cost.h"
#include "plugins/common/kernels/spmm_rows_kernel.h"
#include "plugins/common/table.h"

namespace {

SpmmSource SourceOf(const kl_node* node, const kl_tensor* b) {
  const float* data = (const float*)b->data;
  if (kl_attribute_int(node, "transpose_b", 0) != 0) {
    return {data, b->shape[0], b->shape[1], b->shape[1], 1};
  }
  return {data, b->shape[1], b->shape[0], 1, b->shape[1]};
}

kl_code Refuse(const kl_node* node, const char* what, kl_error* error) {
  return kl_fail(error, KL_UNSUPPORTED, "%s (gemm): %s", NameOf(node), what);
}

kl_code CheckShapes(const kl_node* node, kl_error* error) {
  KL_TRY(ExpectOperands(node, 4, error));
  const kl_tensor* a = node->operands[kRowsX];
  const kl_tensor* b = node->operands[kRowsW];
  const kl_tensor* c = node->operands[kRowsBias];
  const kl_tensor* y = node->operands[kRowsY];
  if (a->rank != 2 || b->rank != 2 || y->rank != 2) return Refuse(node, "no matrices", error);
  if (kl_attribute_int(node, "transpose_a", 0) != 0 ||
      kl_attribute_float(node, "alpha", 1.0) != 1.0 ||
      kl_attribute_float(node, "beta", 1.0) != 1.0) {
    return Refuse(node, "a is transposed, or alpha or beta is not 1", error);
  }
  const bool transposed = kl_attribute_int(node, "transpose_b", 0) != 0;
  const int64_t columns = b->shape[transposed ? 0 : 1], depth = b->shape[transposed ? 1 : 0];
  if (a->shape[1] != depth || y->shape[1] != columns || y->shape[0] != a->shape[0]) {
    return Refuse(node, "shapes do not fit", error);
  }
  if (c->type == KL_TYPE_NONE) return KL_OK;
  if (c->type != KL_TYPE_F32 || c->rank < 1 || LastOf(c) != columns || RowsOf(c) != 1) {
    return Refuse(node, "c is not one f32 row", error);
  }
  return KL_OK;
}

kl_code Supports(const kl_node* node, kl_error* error) {
  KL_TRY(CheckShapes(node, error));
  const kl_tensor* b = node->operands[kRowsW];
  if (b->data == nullptr || b->layout != KL_LAYOUT_ROWS) {
    return Refuse(node, "the weights are not known yet", error);
  }
  if (SparseRowsPay(SourceOf(node, b), node->operands[kRowsX]->shape[0])) return KL_OK;
  return Refuse(node, "too few zeros for the sparse product", error);
}

kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  NothingToPack(pack);
  if (operand != kRowsW) return KL_OK;
  QuerySpmmPack(SourceOf(node, node->operands[kRowsW]), pack);
  // The same matrix may be another node's, the other way round.
  const bool transposed = kl_attribute_int(node, "transpose_b", 0) != 0;
  if (!transposed) pack->layout = "spmm_f32_transposed";
  return KL_OK;
}

kl_code Pack(const kl_node* node, uint32_t, const kl_tensor* source, void* destination,
             int64_t begin, int64_t end) {
  if (begin < end) PackSpmm(SourceOf(node, source), destination);
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements* requirements,
                kl_error* error) {
  KL_TRY(CheckShapes(node, error));
  return PrepareSpmmRows(node, requirements, error);
}

}  // namespace

// A kernel file, all but its includes.
#define KL_GEMM_SPARSE(plugin, stem)                                                               \
  namespace {                                                                                      \
  constexpr kl_kernel kKernel = SpmmRowsKernel("gemm", #stem, Prepare, Supports, PackQuery, Pack); \
  const kl_kernel* const kKernels[] = {&kKernel};                                                  \
  }                                                                                                \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_GEMM_SPARSE_H_
