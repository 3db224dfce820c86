// op "gemm" with a constant right side: XNNPACK's fully connected operator.
//
// The contract is that of plugins/reference/gemm.cc. alpha and beta go into the copies of b and c
// that prepare() hands to the library, which packs them.
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kA, kB, kC, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32};

// Absent, or a constant that adds the same row to every row of y: one element or N of them.
bool IsConstantRow(const kl_tensor* c, int64_t columns) {
  if (IsAbsent(c)) return true;
  const int64_t count = kl_element_count(c);
  return c->type == KL_TYPE_F32 && c->rank <= 2 && IsConstantRows(c) && RowElements(c) == count &&
         (count == 1 || count == columns);
}

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* a = node->operands[kA];
  const kl_tensor* b = node->operands[kB];
  const kl_tensor* y = node->operands[kY];
  if (a->rank != 2 || b->rank != 2 || y->rank != 2) return Decline(node, "matrices", error);
  if (kl_attribute_int(node, "transpose_a", 0) != 0) {
    return Decline(node, "an a that is not transposed", error);
  }
  const bool transpose_b = kl_attribute_int(node, "transpose_b", 0) != 0;
  const int64_t depth = a->shape[1], columns = y->shape[1];
  if (depth <= 0 || columns <= 0 || y->shape[0] != a->shape[0] ||
      b->shape[transpose_b ? 1 : 0] != depth || b->shape[transpose_b ? 0 : 1] != columns) {
    return Decline(node, "a [M, K], b [K, N] (or transposed), y [M, N], none empty", error);
  }
  if (!IsConstantRows(b)) return Decline(node, "a constant b", error);
  if (!IsConstantRow(node->operands[kC], columns)) {
    return Decline(node, "a constant c of one element or one row", error);
  }
  return KL_OK;
}

kl_code Prepare(const kl_host* host, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  kl_code code = Supports(node, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* b = node->operands[kB];
  const kl_tensor* c = node->operands[kC];
  const int64_t depth = node->operands[kA]->shape[1], columns = node->operands[kY]->shape[1];
  const int64_t weight_count = depth * columns;
  const float alpha = static_cast<float>(kl_attribute_float(node, "alpha", 1.0));
  const float beta = static_cast<float>(kl_attribute_float(node, "beta", 1.0));
  const uint64_t bytes = static_cast<uint64_t>(weight_count + columns) * sizeof(float);
  float* scaled = static_cast<float*>(host->allocate(host, bytes, 64));
  if (scaled == nullptr) {
    return kl_fail(error, KL_OUT_OF_MEMORY, "gemm '%s': %llu bytes for scaled weights", node->name,
                   static_cast<unsigned long long>(bytes));
  }
  float* bias = scaled + weight_count;
  for (int64_t i = 0; i < weight_count; ++i) scaled[i] = alpha * Floats(b)[i];
  const bool one = !IsAbsent(c) && kl_element_count(c) == 1;
  for (int64_t n = 0; n < columns; ++n) {
    bias[n] = IsAbsent(c) ? 0.0f : beta * Floats(c)[one ? 0 : n];
  }
  const size_t inputs = static_cast<size_t>(depth), outputs = static_cast<size_t>(columns);
  const uint32_t flags =
      kl_attribute_int(node, "transpose_b", 0) != 0 ? 0 : XNN_FLAG_TRANSPOSE_WEIGHTS;
  const xnn_status status =
      xnn_create_fully_connected_nc_f32(inputs, outputs, inputs, outputs, scaled, bias, -INFINITY,
                                        INFINITY, flags, &static_cast<OperatorState*>(state)->op);
  host->release(host, scaled);
  return CheckStatus(node, "xnn_create_fully_connected_nc_f32", status, error);
}

kl_code Run(const kl_run* run) {
  const xnn_operator_t op = static_cast<OperatorState*>(run->state)->op;
  const kl_tensor* a = run->operands[kA];
  return RunOperator(xnn_setup_fully_connected_nc_f32(op, static_cast<size_t>(a->shape[0]),
                                                      Floats(a), MutableFloats(run->operands[kY]),
                                                      static_cast<pthreadpool_t>(run->pthreadpool)),
                     op, run);
}

constexpr kl_kernel kKernel = XnnpackKernel("gemm", "gemm_f32_xnnpack", kTypes, 0,
                                            sizeof(OperatorState), 1e-4f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, gemm) = {nullptr, kinglet::xnnpack::kKernels, 1};
