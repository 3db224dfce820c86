// op "matmul" with f32 weights. The contract is that of plugins/reference/matmul.cc.
#include <cstring>

#include "plugins/onednn/matrix_product.h"

namespace kinglet {
namespace onednn {
namespace {

enum { kX, kW, kBias, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32};

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* w = node->operands[kW];
  const kl_tensor* bias = node->operands[kBias];
  const kl_tensor* y = node->operands[kY];
  const bool fits = x->rank >= 1 && w->rank == 2 && y->rank == x->rank && w->parts == nullptr &&
                    w->shape[1] == RowElements(x) && w->shape[0] == RowElements(y) &&
                    RowCount(x) == RowCount(y) && w->shape[0] > 0 && w->shape[1] > 0;
  if (!fits) return Decline(node, "x [.., K], w [N, K], y [.., N], none empty", error);
  const bool bias_fits = IsAbsent(bias) || (bias->type == KL_TYPE_F32 && bias->rank == 1 &&
                                            bias->shape[0] == w->shape[0]);
  return bias_fits ? KL_OK : Decline(node, "an f32 bias [N]", error);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  const kl_code code = Supports(node, error);
  if (code != KL_OK) return code;
  return Guarded(node, error, [&]() -> kl_code {
    const kl_tensor* w = node->operands[kW];
    MatrixProductShape shape = {};
    shape.depth = w->shape[1];
    shape.columns = w->shape[0];
    shape.transpose_b = true;
    shape.alpha = 1.0f;
    shape.accumulate = !IsAbsent(node->operands[kBias]);
    static_cast<ObjectState<MatrixProduct>*>(state)->object =
        new MatrixProduct(shape, node->thread_count);
    return KL_OK;
  });
}

kl_code Run(const kl_run* run) {
  return GuardedRun([&]() -> kl_code {
    const kl_tensor* x = run->operands[kX];
    const kl_tensor* bias = run->operands[kBias];
    kl_tensor* y = run->operands[kY];
    const int64_t rows = RowCount(x);
    for (int64_t t = 0; t < rows && !IsAbsent(bias); ++t) {
      std::memcpy(MutableF32Row(y, t), bias->data, kl_tensor_bytes(bias));
    }
    static_cast<ObjectState<MatrixProduct>*>(run->state)
        ->object->Run(rows, F32Row(x, 0), F32Row(run->operands[kW], 0), MutableF32Row(y, 0));
    return KL_OK;
  });
}

constexpr kl_kernel kKernel =
    OnednnKernel<MatrixProduct>("matmul", "matmul_f32_onednn", kTypes, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace onednn
}  // namespace kinglet

KL_TABLE(onednn, matmul) = {nullptr, kinglet::onednn::kKernels, 1};
