// What the kernels of the op "conv2d" share: attributes and shapes that the library can compute.
#ifndef PLUGINS_XNNPACK_CONVOLUTION_H_
#define PLUGINS_XNNPACK_CONVOLUTION_H_

#include "plugins/xnnpack/layout.h"
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {

enum { kConvX, kConvW, kConvBias, kConvY, kConvOperandCount };
constexpr kl_dtype kConvTypes[kConvOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY,
                                                    KL_TYPE_F32};

struct Convolution {
  Window window;
  int64_t group;
  float minimum;
  float maximum;
};

// KL_UNSUPPORTED where the node is none: constant weights, shapes that fit, a clamp that is not
// empty.
kl_code ReadConvolution(const kl_node* node, Convolution* convolution, kl_error* error);

}  // namespace xnnpack
}  // namespace kinglet

#endif  // PLUGINS_XNNPACK_CONVOLUTION_H_
