// op "reduce_quantized", mean of whole planes of [N, C, H, W] with constant scales: XNNPACK's
// global average of i8 and u8 codes.
//
// The contract is that of plugins/reference/reduce_quantized.cc. x goes to scratch, NHWC.
#include <cstring>

#include "plugins/xnnpack/layout.h"
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kX, kXScale, kXZero, kYScale, kYZero, kY, kOperandCount };
constexpr kl_dtype kSigned[kOperandCount] = {KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,
                                             KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_I8};
constexpr kl_dtype kUnsigned[kOperandCount] = {KL_TYPE_U8,  KL_TYPE_F32, KL_TYPE_U8,
                                               KL_TYPE_F32, KL_TYPE_U8,  KL_TYPE_U8};

struct NodeState {
  OperatorState operator_state;  // first: ReleaseOperator reads it
  uint64_t output_offset;        // bytes into scratch
};

int64_t Pixels(const kl_tensor* x) { return x->shape[2] * x->shape[3]; }

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* x = node->operands[kX];
  const kl_attribute* axes = kl_find_attribute(node, "axes");
  if (std::strcmp(kl_attribute_string(node, "kind", ""), "mean") != 0 || x->rank != 4 ||
      axes == nullptr || axes->kind != KL_ATTRIBUTE_INTS || axes->count != 2 ||
      axes->ints[0] + axes->ints[1] != 5 || axes->ints[0] * axes->ints[1] != 6) {
    return Decline(node, "means over the last two dimensions of four", error);
  }
  if (x->shape[1] < 1 || Pixels(x) < 1 || Pixels(x) >= int64_t{1} << 20)
    return Decline(node, "planes of 1 to 2^20 codes", error);
  if (!IsConstantScale(node->operands[kXScale], node->operands[kXZero]) ||
      !IsConstantScale(node->operands[kYScale], node->operands[kYZero])) {
    return Decline(node, "constant scales and zero points", error);
  }
  const float factor = Floats(node->operands[kXScale])[0] / Floats(node->operands[kYScale])[0];
  if (!(factor >= 0x1.0p-8f && factor < 0x1.0p+8f))
    return Decline(node, "scales that are not far from each other", error);
  return KL_OK;
}

template <typename Code>
kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  constexpr bool kIsSigned = static_cast<Code>(-1) < 0;
  kl_code code = Supports(node, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* x = node->operands[kX];
  NodeState* s = static_cast<NodeState*>(state);
  s->output_offset = PaddedBytes(kl_tensor_bytes(x));
  requirements->scratch_bytes = s->output_offset + PaddedBytes(kl_tensor_bytes(node->operands[kY]));
  const size_t channels = static_cast<size_t>(x->shape[1]);
  const auto create = [&] {
    if constexpr (kIsSigned) {
      return xnn_create_global_average_pooling_nwc_qs8;
    } else {
      return xnn_create_global_average_pooling_nwc_qu8;
    }
  }();
  return CheckStatus(
      node, "xnn_create_global_average_pooling_nwc_q*8",
      create(channels, channels, channels, Codes<Code>(node->operands[kXZero])[0],
             Floats(node->operands[kXScale])[0], Codes<Code>(node->operands[kYZero])[0],
             Floats(node->operands[kYScale])[0], static_cast<Code>(kIsSigned ? -128 : 0),
             static_cast<Code>(kIsSigned ? 127 : 255), /*flags=*/0, &s->operator_state.op),
      error);
}

template <typename Code>
kl_code Run(const kl_run* run) {
  constexpr bool kIsSigned = static_cast<Code>(-1) < 0;
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const pthreadpool_t pool = static_cast<pthreadpool_t>(run->pthreadpool);
  const kl_tensor* x = run->operands[kX];
  Code* input = static_cast<Code*>(run->scratch);
  Code* output = input + s->output_offset;
  CodesLast(pool, x->shape[0], x->shape[1], Pixels(x), x->data, input);
  const auto setup = [&] {
    if constexpr (kIsSigned) {
      return xnn_setup_global_average_pooling_nwc_qs8;
    } else {
      return xnn_setup_global_average_pooling_nwc_qu8;
    }
  }();
  const xnn_operator_t op = s->operator_state.op;
  const kl_code code = RunOperator(setup(op, static_cast<size_t>(x->shape[0]),
                                         static_cast<size_t>(Pixels(x)), input, output, pool),
                                   op, run);
  if (code != KL_OK) return code;
  std::memcpy(run->operands[kY]->data, output, kl_tensor_bytes(run->operands[kY]));
  return KL_OK;
}

constexpr kl_kernel kSignedKernel =
    XnnpackKernel("reduce_quantized", "mean_i8_xnnpack", kSigned, 0, sizeof(NodeState), kOneCode,
                  Supports, Prepare<int8_t>, Run<int8_t>);
constexpr kl_kernel kUnsignedKernel =
    XnnpackKernel("reduce_quantized", "mean_u8_xnnpack", kUnsigned, 0, sizeof(NodeState), kOneCode,
                  Supports, Prepare<uint8_t>, Run<uint8_t>);
constexpr const kl_kernel* kKernels[] = {&kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, reduce_quantized) = {nullptr, kinglet::xnnpack::kKernels, 2};
