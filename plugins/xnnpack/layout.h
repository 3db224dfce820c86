// Between the plan's layout, NCHW, and the library's, NHWC.
//
// XNNPACK's convolutions and poolings read the channels of one pixel side by side. A kernel of
// this plugin transposes its input into scratch, runs the library, and transposes the result out:
//
//   x [N, C, H, W] --> scratch [N, H, W, C] + room --> scratch [N, OH, OW, M] --> y [N, M, OH, OW]
//
// Thread safety: pure functions; the work is shared out over `pool` (NULL: one thread).
#ifndef PLUGINS_XNNPACK_LAYOUT_H_
#define PLUGINS_XNNPACK_LAYOUT_H_

#include <pthreadpool.h>

#include <cstdint>

#include "core/abi/kernel.h"

namespace kinglet {
namespace xnnpack {

// to[n][p][c] = from[n][c][p]
void ChannelsLast(pthreadpool_t pool, int64_t batch, int64_t channels, int64_t pixels,
                  const float* from, float* to);
// to[n][c][p] = from[n][p][c]
void ChannelsFirst(pthreadpool_t pool, int64_t batch, int64_t channels, int64_t pixels,
                   const float* from, float* to);

// The same of bytes, each xor `flip`: kFlipSign takes i8 codes to u8 and back.
constexpr uint8_t kKeepSign = 0, kFlipSign = 0x80;
void CodesLast(pthreadpool_t pool, int64_t batch, int64_t channels, int64_t pixels,
               const void* from, void* to, uint8_t flip = kKeepSign);
void CodesFirst(pthreadpool_t pool, int64_t batch, int64_t channels, int64_t pixels,
                const void* from, void* to, uint8_t flip = kKeepSign);

// The sliding window of a convolution or pooling, from a node's attributes.
struct Window {
  int64_t kernel[2];
  int64_t strides[2];
  int64_t pads[4];  // top, left, bottom, right
  int64_t dilations[2];
};

// Reads strides, pads and (if `dilated`) dilations; the kernel size is the caller's.
bool ReadWindow(const kl_node* node, bool dilated, Window* window);

// Output size along dimension d (0: height, 1: width) as the library computes it; 0 when the
// window does not fit.
int64_t OutputSize(const Window& window, int d, int64_t input_size);

// y's last two dimensions are what the window makes of x's.
bool OutputFits(const Window& window, const kl_tensor* x, const kl_tensor* y);

// Some window would lie in the padding altogether.
bool PadsExceedKernel(const Window& window);

}  // namespace xnnpack
}  // namespace kinglet

#endif  // PLUGINS_XNNPACK_LAYOUT_H_
