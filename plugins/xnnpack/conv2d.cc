// op "conv2d" with constant weights: XNNPACK's NHWC convolution, grouped and depthwise too.
//
// The contract is that of plugins/reference/conv2d.cc: NCHW operands. x is transposed into scratch
// and the result out of it (layout.h); the weights go from [M, C/group, KH, KW] to the library's
// [M, KH, KW, C/group] once, in prepare(). A plan-wide choice of layout would save both moves.
#include "plugins/xnnpack/convolution.h"
#include "plugins/xnnpack/layout.h"

namespace kinglet {
namespace xnnpack {
namespace {

struct NodeState {
  OperatorState operator_state;  // first: ReleaseOperator reads it
  uint64_t output_offset;        // bytes into scratch
};

kl_code Supports(const kl_node* node, kl_error* error) {
  Convolution convolution;
  return ReadConvolution(node, &convolution, error);
}

// to[m][h][w][c] = from[m][c][h][w]
void ChannelsLastWeights(const kl_tensor* w, float* to) {
  const int64_t pixels = w->shape[2] * w->shape[3];
  ChannelsLast(/*pool=*/nullptr, w->shape[0], w->shape[1], pixels, Floats(w), to);
}

xnn_status Setup(xnn_operator_t op, const kl_tensor* x, const float* input, float* output,
                 pthreadpool_t pool) {
  return xnn_setup_convolution2d_nhwc_f32(op, static_cast<size_t>(x->shape[0]),
                                          static_cast<size_t>(x->shape[2]),
                                          static_cast<size_t>(x->shape[3]), input, output, pool);
}

kl_code Prepare(const kl_host* host, const kl_node* node, void* state,
                kl_requirements* requirements, kl_error* error) {
  Convolution c;
  kl_code code = ReadConvolution(node, &c, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* x = node->operands[kConvX];
  const kl_tensor* w = node->operands[kConvW];
  NodeState* node_state = static_cast<NodeState*>(state);
  node_state->output_offset = PaddedBytes(kl_tensor_bytes(x));
  requirements->scratch_bytes =
      node_state->output_offset + PaddedBytes(kl_tensor_bytes(node->operands[kConvY]));

  float* weights = static_cast<float*>(host->allocate(host, kl_tensor_bytes(w), 64));
  if (weights == nullptr) {
    return kl_fail(error, KL_OUT_OF_MEMORY, "conv2d '%s': %llu bytes for its weights", node->name,
                   static_cast<unsigned long long>(kl_tensor_bytes(w)));
  }
  ChannelsLastWeights(w, weights);
  const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
  const size_t group_in = static_cast<size_t>(w->shape[1]);
  const size_t group_out = static_cast<size_t>(w->shape[0] / c.group);
  const Window& window = c.window;
  const xnn_status status = xnn_create_convolution2d_nhwc_f32(
      u32(window.pads[0]), u32(window.pads[3]), u32(window.pads[2]), u32(window.pads[1]),
      u32(window.kernel[0]), u32(window.kernel[1]), u32(window.strides[0]), u32(window.strides[1]),
      u32(window.dilations[0]), u32(window.dilations[1]), u32(c.group), group_in, group_out,
      static_cast<size_t>(x->shape[1]), static_cast<size_t>(w->shape[0]), weights,
      Floats(node->operands[kConvBias]), c.minimum, c.maximum, /*flags=*/0,
      &node_state->operator_state.op);
  host->release(host, weights);
  code = CheckStatus(node, "xnn_create_convolution2d_nhwc_f32", status, error);
  if (code != KL_OK) return code;
  return CheckStatus(node, "xnn_setup_convolution2d_nhwc_f32",
                     Setup(node_state->operator_state.op, x, Unread(state), Unread(state), nullptr),
                     error);
}

kl_code Run(const kl_run* run) {
  const NodeState* state = static_cast<const NodeState*>(run->state);
  const pthreadpool_t pool = static_cast<pthreadpool_t>(run->pthreadpool);
  const kl_tensor* x = run->operands[kConvX];
  kl_tensor* y = run->operands[kConvY];
  float* input = static_cast<float*>(run->scratch);
  float* output = reinterpret_cast<float*>(static_cast<char*>(run->scratch) + state->output_offset);
  ChannelsLast(pool, x->shape[0], x->shape[1], x->shape[2] * x->shape[3], Floats(x), input);
  const xnn_operator_t op = state->operator_state.op;
  const kl_code code = RunOperator(Setup(op, x, input, output, pool), op, run);
  if (code != KL_OK) return code;
  ChannelsFirst(pool, y->shape[0], y->shape[1], y->shape[2] * y->shape[3], output,
                MutableFloats(y));
  return KL_OK;
}

constexpr kl_kernel kKernel = XnnpackKernel("conv2d", "conv2d_f32_xnnpack", kConvTypes, 0,
                                            sizeof(NodeState), 1e-4f, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, conv2d) = {nullptr, kinglet::xnnpack::kKernels, 1};
