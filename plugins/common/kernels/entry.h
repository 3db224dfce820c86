// What the kernels of an instruction set say about themselves, and the checks they share.
#ifndef PLUGINS_COMMON_KERNELS_ENTRY_H_
#define PLUGINS_COMMON_KERNELS_ENTRY_H_

#include "core/abi/attribute.h"
#include "core/abi/dtype.h"
#include "core/abi/error.h"
#include "core/abi/kernel.h"
#include "plugins/common/kernels/isa.h"
#include "plugins/common/kernels/scalar.h"

namespace {

// Tokens or rows: the product of all dimensions but the last.
KL_INLINE int64_t RowsOf(const kl_tensor* tensor) {
  int64_t rows = 1;
  for (int32_t d = 0; d + 1 < tensor->rank; ++d) rows *= tensor->shape[d];
  return rows;
}
KL_INLINE int64_t LastOf(const kl_tensor* tensor) {
  return tensor->rank == 0 ? 1 : tensor->shape[tensor->rank - 1];
}
KL_INLINE const char* NameOf(const kl_node* node) {
  return node->name != nullptr ? node->name : node->op;
}

KL_INLINE kl_code ExpectOperands(const kl_node* node, uint32_t count, kl_error* error) {
  if (node->operand_count == count) return KL_OK;
  return kl_fail(error, KL_INVALID_ARGUMENT, "%s: %s takes %u operands, found %u; check the plan",
                 NameOf(node), node->op, count, node->operand_count);
}

KL_INLINE kl_code ExpectSame(const kl_node* node, const char* what, int64_t expected, int64_t found,
                             kl_error* error) {
  if (expected == found) return KL_OK;
  return kl_fail(error, KL_INVALID_ARGUMENT,
                 "%s (%s): %s should be %lld, found %lld; check the plan", NameOf(node), node->op,
                 what, (long long)expected, (long long)found);
}

#define KL_TRY(expression)                        \
  do {                                            \
    const kl_code kl_try_code = (expression);     \
    if (kl_try_code != KL_OK) return kl_try_code; \
  } while (0)

KL_INLINE void OnePhase(kl_work* work, int64_t units) {
  work->phase_count = units > 0 ? 1 : 0;
  work->unit_count[0] = units;
}

KL_INLINE void NothingToPack(kl_pack* pack) {
  pack->bytes = 0;
  pack->unit_count = 0;
  pack->layout = nullptr;
  if (KL_HAS_FIELD(pack, kl_pack, within)) pack->within = 0;
}

// A kernel without packing.
KL_INLINE constexpr kl_kernel SimpleKernel(const char* op, const char* name, const kl_dtype* types,
                                           uint32_t operand_count, uint64_t state_bytes,
                                           float tolerance, decltype(kl_kernel::prepare) prepare,
                                           decltype(kl_kernel::work) work,
                                           decltype(kl_kernel::run) run,
                                           decltype(kl_kernel::supports) supports = nullptr) {
  kl_kernel kernel = {};
  kernel.struct_size = sizeof(kl_kernel);
  kernel.op = op;
  kernel.name = name;
  kernel.operand_types = types;
  kernel.operand_count = operand_count;
  kernel.priority = kIsaPriority;
  kernel.cpu_features = kIsaFeatures;
  kernel.state_bytes = state_bytes;
  kernel.tolerance = tolerance;
  kernel.supports = supports;
  kernel.prepare = prepare;
  kernel.work = work;
  kernel.run = run;
  return kernel;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ENTRY_H_
