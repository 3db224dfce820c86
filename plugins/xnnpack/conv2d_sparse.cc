// op "conv2d", 1x1, with pruned constant weights: XNNPACK's product over NCHW that skips zeros, so
// no change of layout.
//
// The contract is that of plugins/reference/conv2d.cc. From two thirds of zeros on, as the library
// itself decides for whole networks. Its x86 kernels read x element by element at the end of a
// plane, never past it.
#include "plugins/xnnpack/convolution.h"

namespace kinglet {
namespace xnnpack {
namespace {

bool IsPlain(const Window& window) {
  const int64_t* pads = window.pads;
  return window.kernel[0] == 1 && window.kernel[1] == 1 && window.strides[0] == 1 &&
         window.strides[1] == 1 && pads[0] + pads[1] + pads[2] + pads[3] == 0;
}

kl_code Read(const kl_node* node, Convolution* convolution, kl_error* error) {
  const kl_code code = ReadConvolution(node, convolution, error);
  if (code != KL_OK) return code;
  if (!IsPlain(convolution->window) || convolution->group != 1)
    return Decline(node, "plain 1x1 convolutions here", error);
  const kl_tensor* w = node->operands[kConvW];
  const int64_t count = kl_element_count(w);
  int64_t zeros = 0;
  for (int64_t i = 0; i < count; ++i) zeros += Floats(w)[i] == 0.0f ? 1 : 0;
  if (zeros * 3 < count * 2) return Decline(node, "weights with two thirds of zeros here", error);
  return KL_OK;
}

kl_code Supports(const kl_node* node, kl_error* error) {
  Convolution convolution;
  return Read(node, &convolution, error);
}

xnn_status Setup(xnn_operator_t op, const kl_tensor* x, const float* input, float* output,
                 pthreadpool_t pool) {
  return xnn_setup_convolution2d_nchw_f32(op, static_cast<size_t>(x->shape[0]),
                                          static_cast<size_t>(x->shape[2]),
                                          static_cast<size_t>(x->shape[3]), input, output, pool);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Convolution c;
  kl_code code = Read(node, &c, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* w = node->operands[kConvW];
  OperatorState* operator_state = static_cast<OperatorState*>(state);
  const size_t inputs = static_cast<size_t>(w->shape[1]),
               outputs = static_cast<size_t>(w->shape[0]);
  const xnn_status status = xnn_create_convolution2d_nchw_f32(
      0, 0, 0, 0, 1, 1, 1, 1, 1, 1, /*groups=*/1, inputs, outputs, inputs, outputs, Floats(w),
      Floats(node->operands[kConvBias]), c.minimum, c.maximum, /*flags=*/0, &operator_state->op);
  code = CheckStatus(node, "xnn_create_convolution2d_nchw_f32", status, error);
  if (code != KL_OK) return code;
  return CheckStatus(
      node, "xnn_setup_convolution2d_nchw_f32",
      Setup(operator_state->op, node->operands[kConvX], Unread(state), Unread(state), nullptr),
      error);
}

kl_code Run(const kl_run* run) {
  const xnn_operator_t op = static_cast<const OperatorState*>(run->state)->op;
  return RunOperator(
      Setup(op, run->operands[kConvX], Floats(run->operands[kConvX]),
            MutableFloats(run->operands[kConvY]), static_cast<pthreadpool_t>(run->pthreadpool)),
      op, run);
}

// Before the library's dense kernel.
constexpr kl_kernel MakeKernel() {
  kl_kernel kernel = XnnpackKernel("conv2d", "conv2d_sparse_f32_xnnpack", kConvTypes, 0,
                                   sizeof(OperatorState), 1e-4f, Supports, Prepare, Run);
  kernel.priority = kPriority + 1;
  return kernel;
}
constexpr kl_kernel kKernel = MakeKernel();
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, conv2d_sparse) = {nullptr, kinglet::xnnpack::kKernels, 1};
