#include "plugins/xnnpack/binary_quantized.h"

#include <cstring>
#include <initializer_list>

#include "plugins/xnnpack/broadcast.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero, kY };

float ScaleOf(const kl_node* node, int index) { return Floats(node->operands[index])[0]; }

bool Within(float factor, float lowest) { return factor >= lowest && factor < 0x1.0p+8f; }

}  // namespace

template <typename Code>
kl_code SupportsBinaryCodes(const kl_node* node, const BinaryCalls<Code>& calls, kl_error* error) {
  for (const int scale : {kAScale, kBScale, kYScale}) {
    if (!IsConstantScale(node->operands[scale], node->operands[scale + 1]))
      return Decline(node, "constant scales and zero points", error);
  }
  const float y = ScaleOf(node, kYScale), a = ScaleOf(node, kAScale), b = ScaleOf(node, kBScale);
  if (calls.product ? !Within(a * b / y, calls.lowest)
                    : !(Within(a / y, calls.lowest) && Within(b / y, calls.lowest))) {
    return Decline(node, "scales that are not far from y's", error);
  }
  if (kl_attribute_int(node, "minimum", -128) >= kl_attribute_int(node, "maximum", 255))
    return Decline(node, "a minimum below the maximum", error);
  return SupportsBroadcast(node, node->operands[kA], node->operands[kB], node->operands[kY], error);
}

template <typename Code>
kl_code PrepareBinaryCodes(const kl_node* node, const BinaryCalls<Code>& calls, BinaryState* state,
                           kl_requirements* requirements, kl_error* error) {
  constexpr bool kIsSigned = static_cast<Code>(-1) < 0;
  kl_code code = SupportsBinaryCodes(node, calls, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  state->b_offset = PaddedBytes(kl_tensor_bytes(node->operands[kA]));
  requirements->scratch_bytes = state->b_offset + PaddedBytes(kl_tensor_bytes(node->operands[kB]));
  const auto zero = [&](int index) { return Codes<Code>(node->operands[index])[0]; };
  const int64_t minimum = kl_attribute_int(node, "minimum", kIsSigned ? -128 : 0);
  const int64_t maximum = kl_attribute_int(node, "maximum", kIsSigned ? 127 : 255);
  return CheckStatus(
      node, calls.name,
      calls.create(zero(kAZero), ScaleOf(node, kAScale), zero(kBZero), ScaleOf(node, kBScale),
                   zero(kYZero), ScaleOf(node, kYScale), static_cast<Code>(minimum),
                   static_cast<Code>(maximum), /*flags=*/0, &state->operator_state.op),
      error);
}

template <typename Code>
kl_code RunBinaryCodes(const kl_run* run, const BinaryCalls<Code>& calls) {
  const BinaryState* state = static_cast<const BinaryState*>(run->state);
  const kl_tensor* a = run->operands[kA];
  const kl_tensor* b = run->operands[kB];
  Code* copy_of_a = static_cast<Code*>(run->scratch);
  Code* copy_of_b = copy_of_a + state->b_offset;
  std::memcpy(copy_of_a, a->data, kl_tensor_bytes(a));
  std::memcpy(copy_of_b, b->data, kl_tensor_bytes(b));
  const BroadcastShape a_shape(a), b_shape(b);
  const xnn_operator_t op = state->operator_state.op;
  return RunOperator(
      calls.setup(op, a_shape.rank, a_shape.dimension, b_shape.rank, b_shape.dimension, copy_of_a,
                  copy_of_b, static_cast<Code*>(run->operands[kY]->data),
                  static_cast<pthreadpool_t>(run->pthreadpool)),
      op, run);
}

template kl_code SupportsBinaryCodes(const kl_node*, const BinaryCalls<int8_t>&, kl_error*);
template kl_code SupportsBinaryCodes(const kl_node*, const BinaryCalls<uint8_t>&, kl_error*);
template kl_code PrepareBinaryCodes(const kl_node*, const BinaryCalls<int8_t>&, BinaryState*,
                                    kl_requirements*, kl_error*);
template kl_code PrepareBinaryCodes(const kl_node*, const BinaryCalls<uint8_t>&, BinaryState*,
                                    kl_requirements*, kl_error*);
template kl_code RunBinaryCodes(const kl_run*, const BinaryCalls<int8_t>&);
template kl_code RunBinaryCodes(const kl_run*, const BinaryCalls<uint8_t>&);

}  // namespace xnnpack
}  // namespace kinglet
