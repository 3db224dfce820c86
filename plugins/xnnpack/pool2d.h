// What the ops "average_pool2d" and "max_pool2d" share: shapes, scratch, the change of layout.
#ifndef PLUGINS_XNNPACK_POOL2D_H_
#define PLUGINS_XNNPACK_POOL2D_H_

#include "plugins/xnnpack/layout.h"
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {

enum { kPoolX, kPoolY, kPoolOperandCount };
constexpr kl_dtype kPoolTypes[kPoolOperandCount] = {KL_TYPE_F32, KL_TYPE_F32};
constexpr kl_dtype kPoolSigned[kPoolOperandCount] = {KL_TYPE_I8, KL_TYPE_I8};
constexpr kl_dtype kPoolUnsigned[kPoolOperandCount] = {KL_TYPE_U8, KL_TYPE_U8};

struct PoolState {
  OperatorState operator_state;  // first: ReleaseOperator reads it
  uint64_t output_offset;        // bytes into scratch
};

// The library's setup call of the pooling; T: float, int8_t or uint8_t.
template <typename T>
using PoolSetup = xnn_status (*)(xnn_operator_t op, size_t batch, size_t height, size_t width,
                                 const T* input, T* output, pthreadpool_t pool);

// Attributes and shapes of a pooling that the library can compute.
kl_code ReadPool(const kl_node* node, bool dilated, Window* window, kl_error* error);

// After the operator was created: first setup, scratch.
template <typename T>
kl_code FinishPool(const kl_node* node, PoolSetup<T> setup, const char* setup_name,
                   PoolState* state, kl_requirements* requirements, kl_error* error);

// `flip`: the library computes i8 codes as u8 ones.
template <typename T>
kl_code RunPool(const kl_run* run, PoolSetup<T> setup, uint8_t flip = kKeepSign);

}  // namespace xnnpack
}  // namespace kinglet

#endif  // PLUGINS_XNNPACK_POOL2D_H_
