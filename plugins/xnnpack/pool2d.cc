#include "plugins/xnnpack/pool2d.h"

namespace kinglet {
namespace xnnpack {

kl_code ReadPool(const kl_node* node, bool dilated, Window* window, kl_error* error) {
  const kl_tensor* x = node->operands[kPoolX];
  const kl_tensor* y = node->operands[kPoolY];
  if (x->rank != 4 || y->rank != 4) return Decline(node, "rank 4", error);
  if (!kl_attribute_ints(node, "kernel", 2, 1, INT32_MAX, window->kernel) ||
      !ReadWindow(node, dilated, window)) {
    return Decline(node, "positive kernel, strides and dilations; pads of 0 or more", error);
  }
  if (window->kernel[0] * window->kernel[1] == 1) {
    return Decline(node, "kernels of more than one element", error);
  }
  if (PadsExceedKernel(*window)) return Decline(node, "pads smaller than the kernel", error);
  if (y->shape[0] != x->shape[0] || y->shape[1] != x->shape[1] || x->shape[1] < 1 ||
      !OutputFits(*window, x, y)) {
    return Decline(node, "an output size that fits x", error);
  }
  return KL_OK;
}

template <typename T>
kl_code FinishPool(const kl_node* node, PoolSetup<T> setup, const char* setup_name,
                   PoolState* state, kl_requirements* requirements, kl_error* error) {
  const kl_tensor* x = node->operands[kPoolX];
  state->output_offset = PaddedBytes(kl_tensor_bytes(x));
  requirements->scratch_bytes =
      state->output_offset + PaddedBytes(kl_tensor_bytes(node->operands[kPoolY]));
  T* unread = reinterpret_cast<T*>(state);
  return CheckStatus(node, setup_name,
                     setup(state->operator_state.op, static_cast<size_t>(x->shape[0]),
                           static_cast<size_t>(x->shape[2]), static_cast<size_t>(x->shape[3]),
                           unread, unread, /*pool=*/nullptr),
                     error);
}

template <typename T>
kl_code RunPool(const kl_run* run, PoolSetup<T> setup, uint8_t flip) {
  constexpr bool kIsFloat = static_cast<T>(0.5f) != 0;
  const PoolState* state = static_cast<const PoolState*>(run->state);
  const pthreadpool_t pool = static_cast<pthreadpool_t>(run->pthreadpool);
  const kl_tensor* x = run->operands[kPoolX];
  kl_tensor* y = run->operands[kPoolY];
  T* input = static_cast<T*>(run->scratch);
  T* output = reinterpret_cast<T*>(static_cast<char*>(run->scratch) + state->output_offset);
  const int64_t x_pixels = x->shape[2] * x->shape[3], y_pixels = y->shape[2] * y->shape[3];
  if constexpr (kIsFloat) {
    ChannelsLast(pool, x->shape[0], x->shape[1], x_pixels, Floats(x), input);
  } else {
    CodesLast(pool, x->shape[0], x->shape[1], x_pixels, x->data, input, flip);
  }
  const xnn_operator_t op = state->operator_state.op;
  const kl_code code =
      RunOperator(setup(op, static_cast<size_t>(x->shape[0]), static_cast<size_t>(x->shape[2]),
                        static_cast<size_t>(x->shape[3]), input, output, pool),
                  op, run);
  if (code != KL_OK) return code;
  if constexpr (kIsFloat) {
    ChannelsFirst(pool, y->shape[0], y->shape[1], y_pixels, output, MutableFloats(y));
  } else {
    CodesFirst(pool, y->shape[0], y->shape[1], y_pixels, output, y->data, flip);
  }
  return KL_OK;
}

template kl_code FinishPool(const kl_node*, PoolSetup<float>, const char*, PoolState*,
                            kl_requirements*, kl_error*);
template kl_code FinishPool(const kl_node*, PoolSetup<int8_t>, const char*, PoolState*,
                            kl_requirements*, kl_error*);
template kl_code FinishPool(const kl_node*, PoolSetup<uint8_t>, const char*, PoolState*,
                            kl_requirements*, kl_error*);
template kl_code RunPool(const kl_run*, PoolSetup<float>, uint8_t);
template kl_code RunPool(const kl_run*, PoolSetup<int8_t>, uint8_t);
template kl_code RunPool(const kl_run*, PoolSetup<uint8_t>, uint8_t);

}  // namespace xnnpack
}  // namespace kinglet
