// The sliding windows of convolutions and pools over [N, C, H, W], as ONNX defines them with
// explicit pads.
//
// Along one axis, output o covers the inputs o * stride - pad_begin + i * dilation, 0 <= i <
// kernel; those outside [0, size) are padding. Index 0 is vertical, 1 horizontal.
// Thread safety: plain data.
#ifndef KINGLET_PLUGINS_REFERENCE_WINDOW_H_
#define KINGLET_PLUGINS_REFERENCE_WINDOW_H_

#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {

struct Window {
  int64_t kernel[2];
  int64_t strides[2];
  int64_t dilations[2];
  int64_t pads[4];  // top, left, bottom, right

  // First input, padding counted as negative, of output `o` along `axis`.
  int64_t First(int axis, int64_t o) const { return o * strides[axis] - pads[axis]; }
};

// Reads strides, pads and (when `has_dilations`) dilations; the kernel's size is the caller's.
void ParseWindow(const kl_node* node, bool has_dilations, Window* window, Check* check);

// y is [N, channels, OH, OW] for x [N, C, H, W]. Pools may round up (ONNX ceil_mode): then the last
// window starts inside the input or its left padding.
void CheckWindowOutput(const kl_node* node, uint32_t x, uint32_t y, int64_t channels,
                       const Window& window, bool may_round_up, Check* check);

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_WINDOW_H_
