// What the ops "average_pool2d" and "max_pool2d" share: shapes, scratch, the change of layout.
#ifndef PLUGINS_XNNPACK_POOL2D_H_
#define PLUGINS_XNNPACK_POOL2D_H_

#include "plugins/xnnpack/layout.h"
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {

enum { kPoolX, kPoolY, kPoolOperandCount };
constexpr kl_dtype kPoolTypes[kPoolOperandCount] = {KL_TYPE_F32, KL_TYPE_F32};

struct PoolState {
  OperatorState operator_state;  // first: ReleaseOperator reads it
  uint64_t output_offset;        // bytes into scratch
};

// The library's setup call of the pooling.
using PoolSetup = xnn_status (*)(xnn_operator_t op, size_t batch, size_t height, size_t width,
                                 const float* input, float* output, pthreadpool_t pool);

// Attributes and shapes of a pooling that the library can compute.
kl_code ReadPool(const kl_node* node, bool dilated, Window* window, kl_error* error);

// After the operator was created: first setup, scratch.
kl_code FinishPool(const kl_node* node, PoolSetup setup, const char* setup_name, PoolState* state,
                   kl_requirements* requirements, kl_error* error);

kl_code RunPool(const kl_run* run, PoolSetup setup);

}  // namespace xnnpack
}  // namespace kinglet

#endif  // PLUGINS_XNNPACK_POOL2D_H_
