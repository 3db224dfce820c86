// op "gemm". The contract is that of plugins/reference/gemm.cc.
//
// y first gets beta * c, broadcast; the product is added to it.
#include "plugins/onednn/matrix_product.h"

namespace kinglet {
namespace onednn {
namespace {

enum { kA, kB, kC, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32};

struct Gemm {
  Gemm(const MatrixProductShape& shape, uint32_t thread_count, float beta)
      : product(shape, thread_count), beta(beta) {}
  MatrixProduct product;
  const float beta;
};

// Size of dimension d of [M, N] in c, 1 where it has none.
int64_t Dimension(const kl_tensor* c, int32_t d) {
  const int32_t own = d - (2 - c->rank);
  return own < 0 ? 1 : c->shape[own];
}

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* a = node->operands[kA];
  const kl_tensor* b = node->operands[kB];
  const kl_tensor* c = node->operands[kC];
  const kl_tensor* y = node->operands[kY];
  if (a->rank != 2 || b->rank != 2 || y->rank != 2) return Decline(node, "matrices", error);
  const int ta = kl_attribute_int(node, "transpose_a", 0) != 0 ? 1 : 0;
  const int tb = kl_attribute_int(node, "transpose_b", 0) != 0 ? 1 : 0;
  const int64_t depth = a->shape[1 - ta];
  if (a->shape[ta] != y->shape[0] || b->shape[tb] != depth || b->shape[1 - tb] != y->shape[1] ||
      depth <= 0 || y->shape[1] <= 0) {
    return Decline(node, "a [M, K], b [K, N] (or transposed), y [M, N], none empty", error);
  }
  if (IsAbsent(c)) return KL_OK;
  bool fits = c->type == KL_TYPE_F32 && c->rank <= 2;
  for (int32_t d = 0; fits && d < 2; ++d) {
    fits = Dimension(c, d) == 1 || Dimension(c, d) == y->shape[d];
  }
  return fits ? KL_OK : Decline(node, "an f32 c that broadcasts to y", error);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  const kl_code code = Supports(node, error);
  if (code != KL_OK) return code;
  return Guarded(node, error, [&]() -> kl_code {
    MatrixProductShape shape = {};
    shape.transpose_a = kl_attribute_int(node, "transpose_a", 0) != 0;
    shape.transpose_b = kl_attribute_int(node, "transpose_b", 0) != 0;
    shape.depth = node->operands[kA]->shape[shape.transpose_a ? 0 : 1];
    shape.columns = node->operands[kY]->shape[1];
    shape.alpha = static_cast<float>(kl_attribute_float(node, "alpha", 1.0));
    shape.accumulate = !IsAbsent(node->operands[kC]);
    static_cast<ObjectState<Gemm>*>(state)->object = new Gemm(
        shape, node->thread_count, static_cast<float>(kl_attribute_float(node, "beta", 1.0)));
    return KL_OK;
  });
}

void FillWithC(const kl_tensor* c, float beta, kl_tensor* y) {
  const float* from = static_cast<const float*>(c->data);
  const int64_t column_step = Dimension(c, 1) == 1 ? 0 : 1;
  const int64_t row_step = Dimension(c, 0) == 1 ? 0 : Dimension(c, 1);
  for (int64_t m = 0; m < y->shape[0]; ++m) {
    float* row = MutableF32Row(y, m);
    for (int64_t n = 0; n < y->shape[1]; ++n) {
      row[n] = beta * from[m * row_step + n * column_step];
    }
  }
}

kl_code Run(const kl_run* run) {
  return GuardedRun([&]() -> kl_code {
    Gemm* gemm = static_cast<ObjectState<Gemm>*>(run->state)->object;
    kl_tensor* y = run->operands[kY];
    if (!IsAbsent(run->operands[kC])) FillWithC(run->operands[kC], gemm->beta, y);
    gemm->product.Run(y->shape[0], F32Row(run->operands[kA], 0), F32Row(run->operands[kB], 0),
                      MutableF32Row(y, 0));
    return KL_OK;
  });
}

constexpr kl_kernel kKernel =
    OnednnKernel<Gemm>("gemm", "gemm_f32_onednn", kTypes, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace onednn
}  // namespace kinglet

KL_TABLE(onednn, gemm) = {nullptr, kinglet::onednn::kKernels, 1};
