// Convolution sums of 8-bit codes: what conv2d_integer and conv2d_quantized share.
#ifndef KINGLET_PLUGINS_REFERENCE_QUANTIZED_WINDOW_H_
#define KINGLET_PLUGINS_REFERENCE_QUANTIZED_WINDOW_H_

#include "plugins/reference/quantized.h"
#include "plugins/reference/window.h"

namespace kinglet {
namespace reference {

struct CodeConvolution {
  Window window;
  int64_t group;
};

// Which operands of the node are what.
struct CodeOperands {
  uint32_t x, x_zero_point, w, w_zero_point, y;
};

// Types, shapes and attributes; x and w are i8 or u8, each with a zero point of its type.
void PrepareCodes(const kl_node* node, const CodeOperands& operands, CodeConvolution* convolution,
                  Check* check);

// Sum of (x - x_zero_point) * (w - w_zero_point[m]) over the window of output [n, m, oh, ow]; what
// lies outside x counts as the zero point. Wraps.
int32_t CodeSum(const kl_run* run, const CodeOperands& operands, const CodeConvolution& convolution,
                int64_t n, int64_t m, int64_t oh, int64_t ow);

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_QUANTIZED_WINDOW_H_
