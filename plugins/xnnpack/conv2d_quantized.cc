// op "conv2d_quantized" with constant weights and scales: XNNPACK's 8-bit NHWC convolution, i8 with
// scales for each channel (qc8) and u8 (qu8).
//
// The contract is that of plugins/reference/conv2d_quantized.cc. The library requantises in float,
// ties to even, which may differ by one code from the reference's fixed-point arithmetic. Layouts
// and scratch: as in conv2d.cc.
#include <initializer_list>

#include "plugins/xnnpack/layout.h"
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kX, kXScale, kXZero, kW, kWScale, kWZero, kYScale, kYZero, kBias, kY, kOperandCount };
constexpr kl_dtype kSigned[kOperandCount] = {KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_I8,
                                             KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,
                                             KL_TYPE_ANY, KL_TYPE_I8};
constexpr kl_dtype kUnsigned[kOperandCount] = {KL_TYPE_U8,  KL_TYPE_F32, KL_TYPE_U8,  KL_TYPE_U8,
                                               KL_TYPE_F32, KL_TYPE_U8,  KL_TYPE_F32, KL_TYPE_U8,
                                               KL_TYPE_ANY, KL_TYPE_U8};

struct NodeState {
  OperatorState operator_state;  // first: ReleaseOperator reads it
  uint64_t output_offset;        // bytes into scratch
};

struct Convolution {
  Window window;
  int64_t group;
  int64_t minimum;
  int64_t maximum;
};

// The factors from sums to codes that the library can do.
bool ScalesFit(const kl_node* node) {
  const kl_tensor* w_scale = node->operands[kWScale];
  const float factor = Floats(node->operands[kXScale])[0] / Floats(node->operands[kYScale])[0];
  for (int64_t i = 0; i < kl_element_count(w_scale); ++i) {
    const float product = factor * Floats(w_scale)[i];
    if (!(product >= 0x1.0p-31f && product < 255.0f)) return false;
  }
  return true;
}

template <typename Code>
kl_code Read(const kl_node* node, Convolution* c, kl_error* error) {
  constexpr bool kIsSigned = static_cast<Code>(-1) < 0;
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* w = node->operands[kW];
  const kl_tensor* y = node->operands[kY];
  if (x->rank != 4 || w->rank != 4 || y->rank != 4) return Decline(node, "rank 4", error);
  c->window.kernel[0] = w->shape[2];
  c->window.kernel[1] = w->shape[3];
  c->group = kl_attribute_int(node, "group", 1);
  c->minimum = kl_attribute_int(node, "minimum", kIsSigned ? -128 : 0);
  c->maximum = kl_attribute_int(node, "maximum", kIsSigned ? 127 : 255);
  if (w->shape[2] < 1 || w->shape[3] < 1 || c->group < 1 ||
      !ReadWindow(node, /*dilated=*/true, &c->window)) {
    return Decline(node, "positive kernel, strides, dilations, group; pads of 0 or more", error);
  }
  if (w->shape[1] < 1 || w->shape[0] < 1 || x->shape[1] != w->shape[1] * c->group ||
      w->shape[0] % c->group != 0 || y->shape[1] != w->shape[0] || y->shape[0] != x->shape[0] ||
      !OutputFits(c->window, x, y)) {
    return Decline(node, "channels and output sizes that fit x and w", error);
  }
  for (const int index : {kXScale, kXZero, kW, kWScale, kWZero, kYScale, kYZero}) {
    if (!IsConstantRows(node->operands[index]))
      return Decline(node, "constant weights, scales and zero points", error);
  }
  const kl_tensor* bias = node->operands[kBias];
  if (!IsAbsent(bias) && (bias->type != KL_TYPE_I32 || !IsConstantRows(bias) ||
                          kl_element_count(bias) != w->shape[0])) {
    return Decline(node, "a constant i32 bias [M]", error);
  }
  const int64_t w_zeros = kl_element_count(node->operands[kWZero]);
  const int64_t w_scales = kl_element_count(node->operands[kWScale]);
  for (int64_t i = 0; kIsSigned && i < w_zeros; ++i) {
    if (Codes<Code>(node->operands[kWZero])[i] != 0)
      return Decline(node, "i8 weights around 0", error);
  }
  if (!kIsSigned && (w_zeros != 1 || w_scales != 1))
    return Decline(node, "one scale and zero point for u8 weights", error);
  if ((w_scales != 1 && w_scales != w->shape[0]) || !ScalesFit(node))
    return Decline(node, "scales whose product over y's lies in [2^-31, 255)", error);
  if (c->minimum >= c->maximum) return Decline(node, "a minimum below the maximum", error);
  return KL_OK;
}

template <typename Code>
kl_code Supports(const kl_node* node, kl_error* error) {
  Convolution convolution;
  return Read<Code>(node, &convolution, error);
}

// Overloads that tell the library's two families apart.
xnn_status Create(const kl_node* node, const Convolution& c, const float* w_scales,
                  const int8_t* weights, xnn_operator_t* op) {
  const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
  const kl_tensor* w = node->operands[kW];
  const kl_tensor* bias = node->operands[kBias];
  return xnn_create_convolution2d_nhwc_qc8(
      u32(c.window.pads[0]), u32(c.window.pads[3]), u32(c.window.pads[2]), u32(c.window.pads[1]),
      u32(c.window.kernel[0]), u32(c.window.kernel[1]), u32(c.window.strides[0]),
      u32(c.window.strides[1]), u32(c.window.dilations[0]), u32(c.window.dilations[1]),
      u32(c.group), static_cast<size_t>(w->shape[1]), static_cast<size_t>(w->shape[0] / c.group),
      static_cast<size_t>(w->shape[1] * c.group), static_cast<size_t>(w->shape[0]),
      Codes<int8_t>(node->operands[kXZero])[0], Floats(node->operands[kXScale])[0], w_scales,
      weights, IsAbsent(bias) ? nullptr : static_cast<const int32_t*>(bias->data),
      Codes<int8_t>(node->operands[kYZero])[0], Floats(node->operands[kYScale])[0],
      static_cast<int8_t>(c.minimum), static_cast<int8_t>(c.maximum), /*flags=*/0, op);
}

xnn_status Create(const kl_node* node, const Convolution& c, const float* w_scales,
                  const uint8_t* weights, xnn_operator_t* op) {
  const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
  const kl_tensor* w = node->operands[kW];
  const kl_tensor* bias = node->operands[kBias];
  return xnn_create_convolution2d_nhwc_qu8(
      u32(c.window.pads[0]), u32(c.window.pads[3]), u32(c.window.pads[2]), u32(c.window.pads[1]),
      u32(c.window.kernel[0]), u32(c.window.kernel[1]), u32(c.window.strides[0]),
      u32(c.window.strides[1]), u32(c.window.dilations[0]), u32(c.window.dilations[1]),
      u32(c.group), static_cast<size_t>(w->shape[1]), static_cast<size_t>(w->shape[0] / c.group),
      static_cast<size_t>(w->shape[1] * c.group), static_cast<size_t>(w->shape[0]),
      Codes<uint8_t>(node->operands[kXZero])[0], Floats(node->operands[kXScale])[0],
      Codes<uint8_t>(node->operands[kWZero])[0], w_scales[0], weights,
      IsAbsent(bias) ? nullptr : static_cast<const int32_t*>(bias->data),
      Codes<uint8_t>(node->operands[kYZero])[0], Floats(node->operands[kYScale])[0],
      static_cast<uint8_t>(c.minimum), static_cast<uint8_t>(c.maximum), /*flags=*/0, op);
}

xnn_status Setup(xnn_operator_t op, const kl_tensor* x, const int8_t* input, int8_t* output,
                 pthreadpool_t pool) {
  return xnn_setup_convolution2d_nhwc_qc8(op, static_cast<size_t>(x->shape[0]),
                                          static_cast<size_t>(x->shape[2]),
                                          static_cast<size_t>(x->shape[3]), input, output, pool);
}
xnn_status Setup(xnn_operator_t op, const kl_tensor* x, const uint8_t* input, uint8_t* output,
                 pthreadpool_t pool) {
  return xnn_setup_convolution2d_nhwc_qu8(op, static_cast<size_t>(x->shape[0]),
                                          static_cast<size_t>(x->shape[2]),
                                          static_cast<size_t>(x->shape[3]), input, output, pool);
}

template <typename Code>
kl_code Prepare(const kl_host* host, const kl_node* node, void* state,
                kl_requirements* requirements, kl_error* error) {
  Convolution c;
  kl_code code = Read<Code>(node, &c, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* w = node->operands[kW];
  NodeState* node_state = static_cast<NodeState*>(state);
  node_state->output_offset = PaddedBytes(kl_tensor_bytes(x));
  requirements->scratch_bytes =
      node_state->output_offset + PaddedBytes(kl_tensor_bytes(node->operands[kY]));
  // Weights in the library's order, and a scale for each channel, until it has packed them.
  const uint64_t scale_offset = (kl_tensor_bytes(w) + 63) / 64 * 64;
  const uint64_t bytes = scale_offset + static_cast<uint64_t>(w->shape[0]) * sizeof(float);
  Code* weights = static_cast<Code*>(host->allocate(host, bytes, 64));
  if (weights == nullptr) {
    return kl_fail(error, KL_OUT_OF_MEMORY, "conv2d_quantized '%s': %llu bytes for its weights",
                   node->name, static_cast<unsigned long long>(bytes));
  }
  float* scales = reinterpret_cast<float*>(reinterpret_cast<char*>(weights) + scale_offset);
  const kl_tensor* w_scale = node->operands[kWScale];
  for (int64_t m = 0; m < w->shape[0]; ++m)
    scales[m] = Floats(w_scale)[kl_element_count(w_scale) == 1 ? 0 : m];
  CodesLast(/*pool=*/nullptr, w->shape[0], w->shape[1], w->shape[2] * w->shape[3], w->data,
            weights);
  const xnn_status status =
      Create(node, c, scales, static_cast<const Code*>(weights), &node_state->operator_state.op);
  host->release(host, weights);
  code = CheckStatus(node, "xnn_create_convolution2d_nhwc_q*8", status, error);
  if (code != KL_OK) return code;
  Code* unread = static_cast<Code*>(state);
  return CheckStatus(node, "xnn_setup_convolution2d_nhwc_q*8",
                     Setup(node_state->operator_state.op, x, unread, unread, nullptr), error);
}

template <typename Code>
kl_code Run(const kl_run* run) {
  const NodeState* state = static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  kl_tensor* y = run->operands[kY];
  Code* input = static_cast<Code*>(run->scratch);
  Code* output = input + state->output_offset;
  const pthreadpool_t pool = static_cast<pthreadpool_t>(run->pthreadpool);
  CodesLast(pool, x->shape[0], x->shape[1], x->shape[2] * x->shape[3], x->data, input);
  const xnn_operator_t op = state->operator_state.op;
  const kl_code code = RunOperator(Setup(op, x, input, output, pool), op, run);
  if (code != KL_OK) return code;
  CodesFirst(pool, y->shape[0], y->shape[1], y->shape[2] * y->shape[3], output, y->data);
  return KL_OK;
}

// Sums are exact, and become codes one by one.
constexpr kl_kernel PlaceIndependent(kl_kernel kernel) {
  kernel.flags |= KL_KERNEL_PLACE_INDEPENDENT;
  return kernel;
}

constexpr kl_kernel kSignedKernel = PlaceIndependent(
    XnnpackKernel("conv2d_quantized", "conv2d_i8_xnnpack", kSigned, 0, sizeof(NodeState), kOneCode,
                  Supports<int8_t>, Prepare<int8_t>, Run<int8_t>));
constexpr kl_kernel kUnsignedKernel = PlaceIndependent(
    XnnpackKernel("conv2d_quantized", "conv2d_u8_xnnpack", kUnsigned, 0, sizeof(NodeState),
                  kOneCode, Supports<uint8_t>, Prepare<uint8_t>, Run<uint8_t>));
constexpr const kl_kernel* kKernels[] = {&kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, conv2d_quantized) = {nullptr, kinglet::xnnpack::kKernels, 2};
