// The ops "add_quantized", "sub_quantized", "mul_quantized" with constant scales, i8 and u8.
//
// Their contract is that of plugins/reference/quantized_binary.h. Operands are copied to scratch,
// because the library's kernels read whole vectors past the end of a and b.
#ifndef PLUGINS_XNNPACK_BINARY_QUANTIZED_H_
#define PLUGINS_XNNPACK_BINARY_QUANTIZED_H_

#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {

// The library's calls, for one type of codes.
template <typename Code>
struct BinaryCalls {
  xnn_status (*create)(Code a_zero, float a_scale, Code b_zero, float b_scale, Code y_zero,
                       float y_scale, Code minimum, Code maximum, uint32_t flags,
                       xnn_operator_t* op);
  xnn_status (*setup)(xnn_operator_t op, size_t a_rank, const size_t* a_shape, size_t b_rank,
                      const size_t* b_shape, const Code* a, const Code* b, Code* y,
                      pthreadpool_t pool);
  const char* name;
  // Of a factor to y: both scales over y's, or their product over it.
  bool product;
  float lowest;
};
constexpr float kLowestOfSum = 0x1.0p-10f, kLowestOfProduct = 0x1.0p-16f;

constexpr uint32_t kBinaryOperandCount = 9;
constexpr kl_dtype kBinarySigned[kBinaryOperandCount] = {KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,
                                                         KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,
                                                         KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_I8};
constexpr kl_dtype kBinaryUnsigned[kBinaryOperandCount] = {KL_TYPE_U8,  KL_TYPE_F32, KL_TYPE_U8,
                                                           KL_TYPE_U8,  KL_TYPE_F32, KL_TYPE_U8,
                                                           KL_TYPE_F32, KL_TYPE_U8,  KL_TYPE_U8};

struct BinaryState {
  OperatorState operator_state;  // first: ReleaseOperator reads it
  uint64_t b_offset;             // bytes into scratch
};

template <typename Code>
kl_code SupportsBinaryCodes(const kl_node* node, const BinaryCalls<Code>& calls, kl_error* error);
template <typename Code>
kl_code PrepareBinaryCodes(const kl_node* node, const BinaryCalls<Code>& calls, BinaryState* state,
                           kl_requirements* requirements, kl_error* error);
template <typename Code>
kl_code RunBinaryCodes(const kl_run* run, const BinaryCalls<Code>& calls);

// A kernel for codes of type Code; `kCalls` is a constant with static storage.
template <typename Code, const BinaryCalls<Code>& kCalls>
constexpr kl_kernel BinaryCodesKernel(const char* op, const char* name) {
  constexpr bool kIsSigned = static_cast<Code>(-1) < 0;
  return XnnpackKernel(
      op, name, kIsSigned ? kBinarySigned : kBinaryUnsigned, 0, sizeof(BinaryState), kOneCode,
      [](const kl_node* node, kl_error* error) { return SupportsBinaryCodes(node, kCalls, error); },
      [](const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
         kl_error* error) {
        return PrepareBinaryCodes(node, kCalls, static_cast<BinaryState*>(state), requirements,
                                  error);
      },
      [](const kl_run* run) { return RunBinaryCodes(run, kCalls); });
}

}  // namespace xnnpack
}  // namespace kinglet

#endif  // PLUGINS_XNNPACK_BINARY_QUANTIZED_H_
