// Which elements a reduction sums up: what reduce and reduce_quantized share.
// Thread safety: pure functions.
#ifndef KINGLET_PLUGINS_REFERENCE_REDUCTION_H_
#define KINGLET_PLUGINS_REFERENCE_REDUCTION_H_

#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {

// Attribute "axes" of operand x as bits (bit d: dimension d is one of them; none: no bit). Checks
// that y has the shape of x with 1 for each of them.
inline uint32_t ReadReducedAxes(const kl_node* node, uint32_t x, uint32_t y, Check* check) {
  const kl_tensor* tensor = node->operands[x];
  const kl_attribute* axes = kl_find_attribute(node, "axes");
  int64_t shape[KL_MAX_RANK];
  uint32_t reduced = 0;
  for (int32_t d = 0; d < tensor->rank; ++d) shape[d] = tensor->shape[d];
  for (uint32_t i = 0; axes != nullptr && axes->ints != nullptr && i < axes->count; ++i) {
    const int64_t d = axes->ints[i];
    check->Require(d >= 0 && d < tensor->rank && (reduced >> d & 1u) == 0,
                   "each axis within the rank of x, once", d);
    if (!check->ok()) return reduced;
    reduced |= 1u << d;
    shape[d] = 1;
  }
  check->Shape(y, tensor->rank, shape);
  return reduced;
}

// Elements of x that make one element of y.
inline int64_t ReducedCount(const kl_tensor* x, uint32_t reduced) {
  int64_t count = 1;
  for (int32_t d = 0; d < x->rank; ++d) count *= (reduced >> d & 1u) != 0 ? x->shape[d] : 1;
  return count;
}

// Calls visit(index) for each element of x that belongs to element `output` of y, in the order of
// x.
template <typename Visit>
void VisitReduced(const kl_tensor* x, const kl_tensor* y, uint32_t reduced, int64_t output,
                  Visit visit) {
  int64_t strides[KL_MAX_RANK], position[KL_MAX_RANK] = {}, counter[KL_MAX_RANK] = {};
  StridesOf(x, strides);
  Unravel(output, y, position);
  int64_t base = 0;
  for (int32_t d = 0; d < x->rank; ++d) {
    if ((reduced >> d & 1u) == 0) base += position[d] * strides[d];
  }
  const int64_t count = ReducedCount(x, reduced);
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = base;
    for (int32_t d = 0; d < x->rank; ++d) at += counter[d] * strides[d];
    visit(at);
    for (int32_t d = x->rank - 1; d >= 0; --d) {
      if ((reduced >> d & 1u) == 0) continue;
      if (++counter[d] < x->shape[d]) break;
      counter[d] = 0;
    }
  }
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_REDUCTION_H_
