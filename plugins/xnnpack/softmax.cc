// op "softmax" along the last axis.
//
// The contract is that of plugins/reference/softmax.cc. The library's exponential kernel reads four
// elements at a time, past the end of the last row where the row length is no multiple of four:
// such an x is copied to scratch first.
#include <cstring>

#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kX, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32};

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* x = node->operands[kX];
  const int64_t axis = kl_attribute_int(node, "axis", -1);
  if (x->rank < 1 || (axis != -1 && axis != x->rank - 1)) {
    return Decline(node, "the last axis", error);
  }
  if (!SameShape(x, node->operands[kY]) || RowElements(x) <= 0) {
    return Decline(node, "x and y of one shape, with rows that are not empty", error);
  }
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  kl_code code = Supports(node, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* x = node->operands[kX];
  const size_t length = static_cast<size_t>(RowElements(x));
  if (length % 4 != 0) requirements->scratch_bytes = PaddedBytes(kl_tensor_bytes(x));
  return CheckStatus(node, "xnn_create_softmax_nc_f32",
                     xnn_create_softmax_nc_f32(length, length, length, /*flags=*/0,
                                               &static_cast<OperatorState*>(state)->op),
                     error);
}

kl_code Run(const kl_run* run) {
  const xnn_operator_t op = static_cast<OperatorState*>(run->state)->op;
  const kl_tensor* x = run->operands[kX];
  const float* input = Floats(x);
  if (RowElements(x) % 4 != 0) {
    std::memcpy(run->scratch, input, kl_tensor_bytes(x));
    input = static_cast<const float*>(run->scratch);
  }
  return RunOperator(xnn_setup_softmax_nc_f32(op, static_cast<size_t>(RowCount(x)), input,
                                              MutableFloats(run->operands[kY]),
                                              static_cast<pthreadpool_t>(run->pthreadpool)),
                     op, run);
}

constexpr kl_kernel kKernel = XnnpackKernel("softmax", "softmax_f32_xnnpack", kTypes, 0,
                                            sizeof(OperatorState), 1e-5f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, softmax) = {nullptr, kinglet::xnnpack::kKernels, 1};
