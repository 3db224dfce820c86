// What a node of "conv2d" or "conv2d_quantized" says about its window: strides, pads, dilations,
// groups, checked against the shapes.
#ifndef PLUGINS_ONEDNN_WINDOW_H_
#define PLUGINS_ONEDNN_WINDOW_H_

#include "plugins/onednn/onednn.h"

namespace kinglet {
namespace onednn {

struct Window {
  int64_t strides[2];
  int64_t pads[4];  // top, left, bottom, right
  int64_t dilations[2];
  int64_t group;
  int64_t padded[2];  // size of x with its padding
};

// x [N, C, H, W], w [M, C / group, KH, KW], y [N, M, OH, OW]. KL_UNSUPPORTED, with what is taken,
// where they do not fit together.
kl_code ReadWindow(const kl_node* node, const kl_tensor* x, const kl_tensor* w, const kl_tensor* y,
                   Window* window, kl_error* error);

}  // namespace onednn
}  // namespace kinglet

#endif  // PLUGINS_ONEDNN_WINDOW_H_
