#include "plugins/xnnpack/broadcast.h"

namespace kinglet {
namespace xnnpack {
namespace {

static_assert(XNN_MAX_TENSOR_DIMS >= KL_MAX_RANK, "every rank fits");

// Size of dimension d from the end, 1 where the tensor has none.
int64_t FromEnd(const kl_tensor* tensor, int32_t d) {
  return d < tensor->rank ? tensor->shape[tensor->rank - 1 - d] : 1;
}

}  // namespace

kl_code SupportsBroadcast(const kl_node* node, const kl_tensor* a, const kl_tensor* b,
                          const kl_tensor* y, kl_error* error) {
  bool fits = y->rank == (a->rank > b->rank ? a->rank : b->rank);
  for (int32_t d = 0; fits && d < y->rank; ++d) {
    const int64_t of_a = FromEnd(a, d), of_b = FromEnd(b, d);
    fits = (of_a == of_b || of_a == 1 || of_b == 1) && FromEnd(y, d) == (of_a == 1 ? of_b : of_a);
  }
  return fits ? KL_OK : Decline(node, "operands that broadcast to the shape of y", error);
}

}  // namespace xnnpack
}  // namespace kinglet
