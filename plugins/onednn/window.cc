#include "plugins/onednn/window.h"

namespace kinglet {
namespace onednn {
namespace {

// The largest stride, pad or dilation.
constexpr int64_t kLargest = int64_t{1} << 24;

}  // namespace

kl_code ReadWindow(const kl_node* node, const kl_tensor* x, const kl_tensor* w, const kl_tensor* y,
                   Window* window, kl_error* error) {
  if (x->rank != 4 || w->rank != 4 || y->rank != 4) return Decline(node, "rank 4", error);
  window->group = kl_attribute_int(node, "group", 1);
  if (window->group < 1 ||
      !kl_attribute_ints(node, "strides", 2, 1, kLargest, window->strides) ||
      !kl_attribute_ints(node, "pads", 4, 0, kLargest, window->pads) ||
      !kl_attribute_ints(node, "dilations", 2, 1, kLargest, window->dilations)) {
    return Decline(node, "positive strides, dilations and group; pads of 0 or more", error);
  }
  for (int d = 0; d < 4; ++d) {
    if (w->shape[d] < 1 || x->shape[d] < 1) return Decline(node, "operands of some size", error);
  }
  if (x->shape[1] != w->shape[1] * window->group || w->shape[0] % window->group != 0 ||
      y->shape[1] != w->shape[0] || y->shape[0] != x->shape[0]) {
    return Decline(node, "channels that fit x and w", error);
  }
  for (int d = 0; d < 2; ++d) {
    const int64_t reach = (w->shape[2 + d] - 1) * window->dilations[d] + 1;
    window->padded[d] = x->shape[2 + d] + window->pads[d] + window->pads[2 + d];
    if (window->padded[d] < reach ||
        (window->padded[d] - reach) / window->strides[d] + 1 != y->shape[2 + d]) {
      return Decline(node, "output sizes that fit x and w", error);
    }
  }
  return KL_OK;
}

}  // namespace onednn
}  // namespace kinglet
