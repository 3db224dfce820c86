#include "plugins/xnnpack/convolution.h"

namespace kinglet {
namespace xnnpack {

kl_code ReadConvolution(const kl_node* node, Convolution* convolution, kl_error* error) {
  const kl_tensor* x = node->operands[kConvX];
  const kl_tensor* w = node->operands[kConvW];
  const kl_tensor* y = node->operands[kConvY];
  if (x->rank != 4 || w->rank != 4 || y->rank != 4) return Decline(node, "rank 4", error);
  convolution->window.kernel[0] = w->shape[2];
  convolution->window.kernel[1] = w->shape[3];
  const int64_t group = convolution->group = kl_attribute_int(node, "group", 1);
  if (w->shape[2] < 1 || w->shape[3] < 1 || group < 1 ||
      !ReadWindow(node, /*dilated=*/true, &convolution->window)) {
    return Decline(node, "positive kernel, strides, dilations, group; pads of 0 or more", error);
  }
  const int64_t channels_in = x->shape[1], channels_out = w->shape[0];
  if (w->shape[1] < 1 || channels_out < 1 || channels_in != w->shape[1] * group ||
      channels_out % group != 0 || y->shape[1] != channels_out || y->shape[0] != x->shape[0] ||
      !OutputFits(convolution->window, x, y)) {
    return Decline(node, "channels and output sizes that fit x and w", error);
  }
  convolution->minimum = static_cast<float>(kl_attribute_float(node, "minimum", -INFINITY));
  convolution->maximum = static_cast<float>(kl_attribute_float(node, "maximum", INFINITY));
  if (!(convolution->minimum < convolution->maximum)) {
    return Decline(node, "a minimum below the maximum", error);
  }
  if (!IsConstantRows(w)) return Decline(node, "constant weights", error);
  if (!IsConstantBias(node->operands[kConvBias], channels_out)) {
    return Decline(node, "a constant f32 bias [M]", error);
  }
  return KL_OK;
}

}  // namespace xnnpack
}  // namespace kinglet
