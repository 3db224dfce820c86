// Elementwise clamp, for the ops "relu" and "clip".
//
// The AVX microkernels load the last elements under a mask and so stay inside x; the SSE ones do
// not, hence the kernels ask for AVX2.
#ifndef PLUGINS_XNNPACK_CLAMP_H_
#define PLUGINS_XNNPACK_CLAMP_H_

#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {

enum { kClampX, kClampY, kClampOperandCount };
constexpr kl_dtype kClampTypes[kClampOperandCount] = {KL_TYPE_F32, KL_TYPE_F32};

kl_code SupportsClamp(const kl_node* node, kl_error* error);
kl_code PrepareClamp(const kl_node* node, float minimum, float maximum, void* state,
                     kl_error* error);
kl_code RunClamp(const kl_run* run);

}  // namespace xnnpack
}  // namespace kinglet

#endif  // PLUGINS_XNNPACK_CLAMP_H_
