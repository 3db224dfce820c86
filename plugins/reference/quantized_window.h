// Convolutions of 8-bit codes: what conv2d_integer, conv2d_quantized and conv2d_quantized_add
// share.
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

// The operands that conv2d_quantized and conv2d_quantized_add begin with.
enum { kQX, kQXScale, kQXZero, kQW, kQWScale, kQWZero, kQYScale, kQYZero, kQBias, kQOperandCount };

// A convolution from codes to codes.
struct CodeLayer {
  CodeConvolution convolution;
  CodeRange range;
  bool fixed_point;
};

// Everything but what follows the bias; y is operand `y`, of the type of the zero point kQYZero.
void PrepareCodeLayer(const kl_node* node, uint32_t y, CodeLayer* layer, Check* check);

// What the sums of output channel `m` are scaled with.
struct ChannelScale {
  Requantizer requantizer;
  int32_t bias;
};
ChannelScale ChannelScaleOf(const kl_run* run, const CodeLayer& layer, int64_t m);

// Output [n, m, oh, ow], y being operand `y`.
int32_t CodeAt(const kl_run* run, uint32_t y, const CodeLayer& layer, const ChannelScale& scale,
               int64_t n, int64_t m, int64_t oh, int64_t ow);

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_QUANTIZED_WINDOW_H_
