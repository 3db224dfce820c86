// Operands that meet as numpy broadcasts them, which XNNPACK does itself.
#ifndef PLUGINS_XNNPACK_BROADCAST_H_
#define PLUGINS_XNNPACK_BROADCAST_H_

#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {

// A shape as the library takes it.
struct BroadcastShape {
  explicit BroadcastShape(const kl_tensor* tensor) : rank(static_cast<size_t>(tensor->rank)) {
    for (size_t d = 0; d < rank; ++d) dimension[d] = static_cast<size_t>(tensor->shape[d]);
  }
  size_t rank;
  size_t dimension[KL_MAX_RANK];
};

// Declines the node unless y has the shape that a and b broadcast to.
kl_code SupportsBroadcast(const kl_node* node, const kl_tensor* a, const kl_tensor* b,
                          const kl_tensor* y, kl_error* error);

}  // namespace xnnpack
}  // namespace kinglet

#endif  // PLUGINS_XNNPACK_BROADCAST_H_
